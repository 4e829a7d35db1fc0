package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Prompt is one question to a model. It runs as a job of a single shard.
type Prompt struct {
	Model     string // name, absolute path or CID
	Text      string
	Image     string // engine image; "" is infernet/llm
	MaxTokens int    // 0: the engine's own limit
	MaxPrice  string // for the whole of it, as payment.max has it; "" is 1000 credits
	Replicas  int    // providers that must agree; 0 or 1 believes one
}

// Answer is what came of a Prompt.
type Answer struct {
	Prompt   string `json:"prompt"`
	Answer   string `json:"answer"`
	Provider string `json:"provider"` // npub of whose result counted
	Job      Job    `json:"job"`
}

// ErrNoAnswer says that the job of a prompt ended without an answer.
var ErrNoAnswer = errors.New("no answer")

// SubmitPrompt stores the prompt and submits its job.
func (c *Client) SubmitPrompt(ctx context.Context, p Prompt) (Job, error) {
	line, err := json.Marshal(map[string]string{"id": "1", "prompt": p.Text})
	if err != nil {
		return Job{}, fmt.Errorf("encode prompt: %w", err)
	}
	in, err := c.AddBytes(ctx, bytes.NewReader(append(line, '\n')))
	if err != nil {
		return Job{}, err
	}
	spec, err := p.spec(in.CID)
	if err != nil {
		return Job{}, err
	}
	return c.Submit(ctx, SubmitRequest{Spec: spec})
}

// spec is the job description of a prompt; JSON, which YAML readers take.
func (p Prompt) spec(input string) (string, error) {
	image, price := p.Image, p.MaxPrice
	if image == "" {
		image = "infernet/llm"
	}
	var most any = 1000
	if n, err := strconv.ParseUint(price, 10, 64); err == nil {
		most = n
	} else if price != "" {
		most = price
	}
	args := []string{"--stream"}
	if p.MaxTokens > 0 {
		args = append(args, "--max-tokens", strconv.Itoa(p.MaxTokens))
	}
	verify := map[string]any{"mode": "none"}
	if p.Replicas > 1 {
		verify = map[string]any{"mode": "quorum", "replicas": p.Replicas, "agree": p.Replicas, "compare": "exact"}
	}
	raw, err := json.Marshal(map[string]any{
		"name": "prompt", "kind": "batch",
		"task":   map[string]any{"image": image, "args": args},
		"model":  p.Model,
		"inputs": []any{map[string]any{"cid": input}},
		"split":  map[string]any{"by": "lines", "size": 1}, "merge": map[string]any{"by": "concat"},
		"verify":   verify,
		"payment":  map[string]any{"max": most},
		"timeouts": map[string]any{"shard": "5m", "job": "10m"},
	})
	if err != nil {
		return "", fmt.Errorf("encode job: %w", err)
	}
	return string(raw), nil
}

// ReadAnswer reads the answer of a prompt's finished job from its result.
func ReadAnswer(prompt string, j Job) (Answer, error) {
	out := Answer{Prompt: prompt, Job: j}
	for _, p := range j.Providers {
		if p.Shards > 0 {
			out.Provider = p.NPub
		}
	}
	if j.State != JobDone || j.Result.Path == "" {
		return out, fmt.Errorf("%w: the job is %s: %s", ErrNoAnswer, j.State, j.Reason)
	}
	path := j.Result.Path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "output.jsonl")
	}
	f, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer func() { _ = f.Close() }()
	var line struct {
		Answer *string `json:"answer"`
	}
	if err := json.NewDecoder(bufio.NewReader(f)).Decode(&line); err != nil || line.Answer == nil {
		return out, fmt.Errorf("%w: %s holds no answer", ErrNoAnswer, path)
	}
	out.Answer = *line.Answer
	return out, nil
}

// Ask submits a prompt, passes the words on as the task prints them, and
// returns the answer when the job is done. Words are of one attempt and may be
// cut short when it fails: the Answer alone is what was verified and paid.
func (c *Client) Ask(ctx context.Context, p Prompt, words func([]byte)) (Answer, error) {
	j, err := c.SubmitPrompt(ctx, p)
	if err != nil {
		return Answer{Prompt: p.Text}, err
	}
	pick := OneAttempt{Words: words}
	if j, err = c.Wait(ctx, j.ID, EventQuery{Logs: true}, pick.Event); err != nil {
		return Answer{Prompt: p.Text, Job: j}, err
	}
	return ReadAnswer(p.Text, j)
}

// OneAttempt passes on the stdout of the first attempt that prints something;
// the other replicas would say the same over it.
type OneAttempt struct {
	Words func([]byte) // may be nil
	said  strings.Builder
	first *int
}

// Event takes one event of the job's stream; it never fails.
func (o *OneAttempt) Event(ev Event) error {
	if ev.Type != EventLog || ev.Stream != "stdout" || ev.Attempt == nil {
		return nil
	}
	if o.first == nil {
		n := *ev.Attempt
		o.first = &n
	}
	if *o.first != *ev.Attempt {
		return nil
	}
	o.said.Write(ev.Data)
	if o.Words != nil {
		o.Words(ev.Data)
	}
	return nil
}

// Said is everything passed on so far.
func (o *OneAttempt) Said() string { return o.said.String() }
