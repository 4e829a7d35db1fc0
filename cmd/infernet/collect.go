package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/infer"
)

// collection is what verifier collect is asked for.
type collection struct {
	model, prompts, out string
	temperature         float64
	tokens              int
}

// maxPrompt bounds one line of a file of prompts.
const maxPrompt = 1 << 20

func verifierCollectCmd(a *app) *cobra.Command {
	var q collection
	c := &cobra.Command{
		Use: "collect", Short: "have answers of a model replayed, as samples for verifier calibrate",
		Long: `Ask a model that others serve, have each answer replayed by another provider of the model,
and write what came of it, a line for each answer. Infernet verifier calibrate --compare text
makes thresholds of such files; choose a network whose providers you know to be honest, and
temperatures as your requests have them. PROMPTS is a text file with a prompt in each line.
Answers and replays are paid for as any request is.`,
		Example: "  infernet verifier collect --model demo --prompts prompts.txt --out greedy.jsonl\n" +
			"  infernet verifier collect --model demo --prompts prompts.txt --temperature 0.8 --out drawn.jsonl",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case q.model == "" || q.prompts == "" || q.out == "":
				return failf(exitUsage, "infernet help verifier collect", "--model, --prompts and --out are needed")
			case !(q.temperature >= 0 && q.temperature <= 2) || q.tokens < 1:
				return failf(exitUsage, "infernet help verifier collect", "--temperature is from 0 to 2, --max-tokens at least 1")
			}
			return a.gather(cmd.Context(), q)
		},
	}
	f := c.Flags()
	f.StringVarP(&q.model, "model", "m", "", "model: a name or a CID")
	f.StringVar(&q.prompts, "prompts", "", "file with a prompt in each line")
	f.StringVar(&q.out, "out", "", "file to write, which must not exist")
	f.Float64Var(&q.temperature, "temperature", 0, "at which answers are drawn; 0 takes the likeliest tokens")
	f.IntVar(&q.tokens, "max-tokens", 200, "longest answer")
	return c
}

// collected is the document of verifier collect.
type collected struct {
	Samples  int            `json:"samples"`
	Tokens   int            `json:"tokens"`
	Failed   int            `json:"failed"`   // prompts of which nothing came
	Answered map[string]int `json:"answered"` // samples by who answered
	Replayed map[string]int `json:"replayed"` // samples by who replayed
	Path     string         `json:"path"`
}

// maxFailures is how many prompts in a row may fail before it is given up.
const maxFailures = 5

// gather goes through the prompts. What is written stays when it is cut short.
func (a *app) gather(ctx context.Context, q collection) error {
	path, err := a.destination(q.out)
	if err != nil {
		return err
	}
	in, err := os.Open(q.prompts)
	if err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	defer func() { _ = in.Close() }()
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	done := collected{Answered: map[string]int{}, Replayed: map[string]int{}, Path: path}
	err = a.gatherAll(ctx, c, q, in, out, &done)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return a.emit(done, func() {
		a.printf("samples  %d answers with %d tokens, of %d who answered and %d who replayed", done.Samples, done.Tokens, len(done.Answered), len(done.Replayed))
		a.printf("written  %s", pathText(path))
	})
}

func (a *app) gatherAll(ctx context.Context, c *api.Client, q collection, in, out *os.File, done *collected) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPrompt)
	enc := json.NewEncoder(out)
	row, last := 0, error(nil)
	for lines.Scan() {
		prompt := strings.TrimSpace(lines.Text())
		if prompt == "" {
			continue
		}
		s, err := sampleOf(ctx, c, q, prompt)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			done.Failed++
			last = err
			if row++; row == maxFailures {
				a.sayf("%d prompts in a row failed; what was written stays", row)
				return err
			}
			a.sayf("left out a prompt: %s", words(err.Error()))
			continue
		}
		row = 0
		if err := enc.Encode(s); err != nil {
			return fmt.Errorf("write samples: %w", err)
		}
		done.Samples++
		done.Tokens += len(s.Tokens)
		done.Answered[s.Answered]++
		done.Replayed[s.Replayed]++
		if done.Samples%20 == 0 {
			a.sayf("%d answers replayed", done.Samples)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	if done.Samples == 0 && last != nil {
		a.sayf("no prompt was answered and replayed")
		return last
	}
	return nil
}

// sampleOf asks one prompt and has the answer replayed by somebody else.
func sampleOf(ctx context.Context, c *api.Client, q collection, prompt string) (replay, error) {
	asked := []openai.Message{{Role: "user", Content: openai.Text(prompt)}}
	said, err := c.Chat(ctx, api.Chat{Model: q.model, Messages: asked, MaxTokens: q.tokens, Temperature: &q.temperature, TokenIDs: true}, nil)
	if err != nil {
		return replay{}, err
	}
	if len(said.TokenIDs) == 0 {
		return replay{}, fmt.Errorf("%s does not tell the numbers of its tokens", short(said.Provider))
	}
	r := openai.ReplayRequest{Messages: asked, TokenIDs: said.TokenIDs, Temperature: &q.temperature}
	if said.Finish == openai.FinishStop {
		r.FinishReason = openai.FinishStop
	}
	got, err := c.Replay(ctx, api.ReplayQuery{Model: q.model, Request: r, Not: []string{said.Provider}})
	if err != nil {
		return replay{}, err
	}
	out := replay{Temperature: q.temperature, Tokens: got.Response.Tokens, Answered: said.Provider, Replayed: got.By}
	_, err = out.sample()
	return out, err
}

// sample is a line as package compare takes it in.
func (r replay) sample() (compare.Sample, error) {
	tokens := make([]compare.Token, 0, len(r.Tokens))
	for _, t := range r.Tokens {
		tokens = append(tokens, infer.Judged(t, r.Temperature, r.Seeded))
	}
	return compare.Replayed(tokens)
}
