package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
)

// runFlags are the flags of run.
type runFlags struct {
	prompt api.Prompt
	ask    api.Chat
	job    bool
}

func runCmd(a *app) *cobra.Command {
	var set runFlags
	c := &cobra.Command{
		Use: "run MODEL PROMPT", Short: "ask a model one thing and print its words as they come",
		Long: `Ask a model one thing on somebody else's machine and print its words as they are made.
MODEL is a name or a CID that somebody serves now. The answer is that provider's word.

With --replicas, several providers answer and must agree; what counts is then the result
at the end: if it differs from the words, it is printed too. That way, with --image or
--job, when MODEL is a file, and when nobody serves MODEL, the prompt runs as a job of one
shard that brings the model along.

Who reads it: ` + whoReads + `.`,
		Example: "  infernet run demo \"What is the capital of France?\"\n  infernet run --replicas 2 demo \"What is 17 + 25?\"",
		Args:    args(2, -1, "a MODEL and a PROMPT"),
		RunE: func(cmd *cobra.Command, given []string) error {
			set.prompt.Model, set.prompt.Text = given[0], strings.Join(given[1:], " ")
			return a.runPrompt(cmd.Context(), set)
		},
	}
	f := c.Flags()
	f.IntVar(&set.prompt.MaxTokens, "max-tokens", 0, "longest answer (0: the engine's limit)")
	mostPrice(f, &set.ask.MaxPriceIn, "max-price-in", "most per million tokens of the prompt, "+payUnit+" (default: the node's)")
	mostPrice(f, &set.ask.MaxPriceOut, "max-price-out", "most per million tokens of the answer, "+payUnit+" (default: the node's)")
	f.BoolVar(&set.job, "job", false, "run as a job, which brings the model along")
	mostPrice(f, &set.prompt.MaxPrice, "max-price", "most to spend on a job: 900 (credits), '50 sat', '0.02 USDC'; its unit says how it is paid (default: 1000 credits)")
	f.IntVar(&set.prompt.Replicas, "replicas", 1, "providers that must agree on the answer; more than 1: as a job")
	f.StringVar(&set.prompt.Image, "image", "", "engine image of a job (default infernet/llm)")
	return c
}

// runPrompt asks who serves the model, or runs a job.
func (a *app) runPrompt(ctx context.Context, set runFlags) error {
	p := set.prompt
	asJob := set.job || p.Replicas > 1 || p.Image != "" || p.MaxPrice != ""
	if _, err := os.Stat(p.Model); err == nil {
		asJob = true
		if p.Model, err = absolute(p.Model); err != nil {
			return err
		}
	}
	if asJob {
		client, err := a.client(ctx)
		if err != nil {
			return err
		}
		return a.runJob(ctx, client, p)
	}
	client, err := a.models(ctx)
	if err != nil {
		return err
	}
	q := set.ask
	q.Model, q.MaxTokens, q.Messages = p.Model, p.MaxTokens, []oai.Message{{Role: "user", Content: oai.Text(p.Text)}}
	err = a.oneShot(ctx, client, q, p.Text)
	var ae *api.Error
	if errors.As(err, &ae) && (ae.Code == api.CodeNoProvider || ae.Code == api.CodeNotFound) && !a.printed {
		a.sayf("%s; running it as a job", words(ae.Message))
		return a.runJob(ctx, client, p)
	}
	return err
}

// runJob runs a prompt as a job of one shard.
func (a *app) runJob(ctx context.Context, client *api.Client, p api.Prompt) error {
	a.firstUse()
	j, err := client.SubmitPrompt(ctx, p)
	if err != nil {
		return err
	}
	show := &screen{w: a.out}
	pick := api.OneAttempt{}
	if !a.json {
		pick.Words = func(b []byte) { _, _ = show.Write(b) }
	}
	meter := a.newProgress()
	j, err = a.toEnd(ctx, client, j.ID, api.EventQuery{Follow: true, Logs: true}, func(ev api.Event) error {
		if ev.Type == api.EventNote {
			return meter.event(ev)
		}
		return pick.Event(ev)
	})
	if err != nil {
		return err
	}
	if end := verdict(ctx, j); end != nil {
		return a.finish(ctx, j, "")
	}
	answer, err := api.ReadAnswer(p.Text, j)
	if err != nil {
		return err
	}
	return a.emit(answer, func() { a.lastWords(show, pick.Said(), answer) })
}

// lastWords prints what of the answer was not streamed, and who gave it.
func (a *app) lastWords(show *screen, said string, answer api.Answer) {
	said, full := strings.TrimSpace(said), strings.TrimSpace(answer.Answer)
	switch {
	case said == full:
	case strings.HasPrefix(full, said):
		_, _ = show.Write([]byte(full[len(said):]))
	default:
		a.sayf("\nthe words above are not the result; it is:")
		_, _ = show.Write([]byte(full))
	}
	_, _ = fmt.Fprintln(a.out)
	a.sayf("from %s, %s, %s", short(answer.Provider), human(answer.Job.Cost), foreign(answer.Job.Label))
}
