package openai

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
)

// collect turns a job's result into the outcomes of the batch's lines.
func (b *batches) collect(one batch, j api.Job, r *running) error {
	answers, err := readJobAnswers(j.Result.Path, r.count.Total, jobResult*b.cfg.MaxFile)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	res, err := b.open(one.ID)
	if err != nil {
		return err
	}
	defer res.close()
	created := b.now().Unix()
	err = eachLine(b.files.path(one.InputFileID), b.cfg.MaxBody, func(number int, raw []byte) error {
		l, bad := parseLine(number, raw)
		if bad != nil {
			return errors.New(bad.Message)
		}
		o, err := answers[number].outcome(l.CustomID, one.Model, created)
		if err != nil {
			return err
		}
		return res.write(o)
	})
	b.setTotal(r, r.count.Total)
	b.counted(r, res.good, res.bad)
	return err
}

// jobAnswer is one line of the batch engine's output.
type jobAnswer struct {
	ID        int     `json:"id"`
	Answer    *string `json:"answer"`
	Tokens    int     `json:"tokens"`
	Truncated bool    `json:"truncated"`
	Error     string  `json:"error"`
}

// jobResult is how many times larger than the largest file of requests the
// result of their job may be. It is held in memory, and a stranger wrote it.
const jobResult = 4

// readJobAnswers reads a job's result; most is how many lines it may have, size
// how many bytes.
func readJobAnswers(path string, most int, size int64) (map[int]jobAnswer, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "output.jsonl")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > size {
		return nil, errors.Join(fmt.Errorf("the result is not a file of at most %d bytes", size), err)
	}
	out := map[int]jobAnswer{}
	dec := json.NewDecoder(bufio.NewReader(f))
	for len(out) <= most {
		var a jobAnswer
		err := dec.Decode(&a)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
		out[a.ID] = a
	}
	return nil, errors.New("the result has more lines than were asked")
}

// outcome is the answer as OpenAI's batches have it. The engine counts the
// tokens of answers alone, so there is no usage.
func (a jobAnswer) outcome(customID, model string, created int64) (outcome, error) {
	switch {
	case a.Error != "":
		return refused(customID, oai.BadRequest("messages", "%s", short(a.Error)))
	case a.Answer == nil:
		return refused(customID, &oai.Error{Status: http.StatusBadGateway, Type: oai.TypeUpstream, Code: oai.CodeUpstream, Message: "the result lacks this line"})
	}
	finish := oai.FinishStop
	if a.Truncated {
		finish = oai.FinishLength
	}
	raw, err := json.Marshal(oai.ChatResponse{
		ID: newID("chatcmpl-"), Object: oai.ObjectChat, Created: created, Model: model,
		Choices: []oai.ChatChoice{{Message: oai.Message{Role: "assistant", Content: oai.Text(*a.Answer)}, FinishReason: finish}},
	})
	return answered(customID, http.StatusOK, raw), err
}
