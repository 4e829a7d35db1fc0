package infer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"

	"infernet.tech/infernet/exec/engine/openai"
)

// Bounds of what is read of a shard: as of the batch engine's input, and an
// answer is no longer than a long context.
const (
	maxBatchLine   = 4 << 20
	maxBatchLines  = 1 << 20
	batchMaxTokens = 512 // of an answer where nobody says
)

// errResult is what is wrong with a result, to whoever reads it.
type errResult struct{ why string }

func (e errResult) Error() string { return e.why }

func wrongResult(format string, args ...any) error { return errResult{fmt.Sprintf(format, args...)} }

// batchLine is one line of input with its answer.
type batchLine struct {
	ask batchRequest
	ans batchAnswer
}

// batchRequest and batchAnswer are lines as the batch engine reads and writes
// them; see exec/engine/llm.
type batchRequest struct {
	ID        json.RawMessage  `json:"id"`
	Prompt    *string          `json:"prompt"`
	Messages  []openai.Message `json:"messages"`
	MaxTokens *int             `json:"max_tokens"`
}

type batchAnswer struct {
	ID     json.RawMessage `json:"id"`
	Answer *string         `json:"answer"`
	Tokens *int            `json:"tokens"`
	Cut    bool            `json:"truncated"`
	IDs    []int           `json:"token_ids"`
	Error  string          `json:"error"`
}

// most is how many tokens the answer may have.
func (l batchLine) most(usual int) int {
	if l.ask.MaxTokens != nil {
		return *l.ask.MaxTokens
	}
	return usual
}

// claim is the line as it is replayed; false when it does not tell its tokens.
func (l batchLine) claim() (claim, bool) {
	cold := 0.0
	c := claim{req: openai.ReplayRequest{Messages: l.ask.Messages, Temperature: &cold, TokenIDs: l.ans.IDs, FinishReason: openai.FinishStop}}
	if l.ask.Prompt != nil {
		c.req.Messages = []openai.Message{{Role: "user", Content: openai.Text(*l.ask.Prompt)}}
	}
	if l.ans.Error != "" {
		c.req.TokenIDs = nil
		return c, true
	}
	c.text = *l.ans.Answer
	if l.ans.Cut {
		c.req.FinishReason = openai.FinishLength
	}
	return c, len(l.ans.IDs) > 0 || c.text == "" && !l.ans.Cut
}

// batchArgs reads an engine's arguments: the most tokens of an answer, or why
// what they ask for cannot be replayed.
func batchArgs(args []string) (most int, why string) {
	most = batchMaxTokens
	for i := 0; i < len(args); i++ {
		name, value, has := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch name {
		case "token-ids", "stream", "verbose":
			continue
		case "max-tokens", "threads":
		default:
			return 0, fmt.Sprintf("the argument %.40q may change what is answered", args[i])
		}
		if !has {
			if i++; i == len(args) {
				return 0, fmt.Sprintf("the argument %.40q has no value", name)
			}
			value = args[i]
		}
		if name == "max-tokens" {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return 0, fmt.Sprintf("%.40q is no number of tokens", value)
			}
			most = n
		}
	}
	return most, ""
}

// batchLines reads a shard's input and result side by side and returns n lines
// of them, drawn at random. What is wrong with the result is an errResult;
// other errors are of reading.
func batchLines(in, result fs.FS, n int) ([]batchLine, error) {
	requests, err := batchRequests(in)
	if err != nil {
		return nil, err
	}
	f, err := result.Open("output.jsonl")
	if err != nil {
		return nil, wrongResult("the result has no output.jsonl")
	}
	defer f.Close()
	var kept []batchLine
	at := 0
	sc := scanner(f)
	for sc.Scan() {
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		if at == len(requests) {
			return nil, wrongResult("the result has more than %d lines", at)
		}
		l := batchLine{ask: requests[at]}
		if json.Unmarshal(line, &l.ans) != nil || !l.fits() {
			return nil, wrongResult("line %d of the result answers no line of the input", at+1)
		}
		at++
		// Reservoir sampling: each line is as likely to be kept.
		if len(kept) < n {
			kept = append(kept, l)
		} else if k := rand.IntN(at); k < n {
			kept[k] = l
		}
	}
	switch {
	case sc.Err() != nil:
		return nil, wrongResult("the result cannot be read: %v", sc.Err())
	case at < len(requests):
		return nil, wrongResult("%d of %d lines are answered", at, len(requests))
	}
	// Nobody may know which are looked at first.
	rand.Shuffle(len(kept), func(i, k int) { kept[i], kept[k] = kept[k], kept[i] })
	return kept, nil
}

// fits says whether the answer is one, and to its line.
func (l batchLine) fits() bool {
	a := l.ans
	if a.Error != "" {
		return bytes.Equal(a.ID, l.ask.ID) && a.Answer == nil
	}
	return bytes.Equal(a.ID, l.ask.ID) && a.Answer != nil && a.Tokens != nil && (len(a.IDs) == 0 || len(a.IDs) == *a.Tokens)
}

// batchRequests reads all requests in the order in which the engine does.
func batchRequests(in fs.FS) (out []batchRequest, err error) {
	files, err := batchFiles(in)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		f, err := in.Open(name)
		if err != nil {
			return nil, err
		}
		out, err = requestsOf(f, out)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
	}
	return out, nil
}

func requestsOf(f io.Reader, out []batchRequest) ([]batchRequest, error) {
	sc, number := scanner(f), 0
	for sc.Scan() {
		number++
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		var r batchRequest
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		if len(r.ID) == 0 || string(r.ID) == "null" {
			r.ID = strconv.AppendInt(nil, int64(number), 10)
		}
		if out = append(out, r); len(out) > maxBatchLines {
			return nil, fmt.Errorf("more than %d lines", maxBatchLines)
		}
	}
	return out, sc.Err()
}

// batchFiles lists the input's files: those called *.jsonl, or the only one.
func batchFiles(in fs.FS) (named []string, err error) {
	var all []string
	err = fs.WalkDir(in, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if all = append(all, name); strings.HasSuffix(name, ".jsonl") {
				named = append(named, name)
			}
		}
		return err
	})
	if len(named) == 0 && len(all) == 1 {
		named = all
	}
	slices.Sort(named)
	return named, err
}

func scanner(r io.Reader) *bufio.Scanner {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxBatchLine)
	return sc
}
