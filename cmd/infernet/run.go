package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func runCmd(a *app) *cobra.Command {
	var p api.Prompt
	c := &cobra.Command{
		Use: "run MODEL PROMPT", Short: "ask a model one thing and print its words as they come",
		Long: `Ask a model one thing. MODEL is a name, a file or a CID. The prompt runs as a job of one
shard on a provider's machine; words are printed as its container prints them. What
counts is the result at the end: if it differs from the words, it is printed too.`,
		Example: `  infernet run demo "What is the capital of France?"`,
		Args:    args(2, -1, "a MODEL and a PROMPT"),
		RunE: func(cmd *cobra.Command, given []string) error {
			ctx := cmd.Context()
			p.Model, p.Text = given[0], strings.Join(given[1:], " ")
			if _, err := os.Stat(p.Model); err == nil {
				if p.Model, err = absolute(p.Model); err != nil {
					return err
				}
			}
			client, err := a.client(ctx)
			if err != nil {
				return err
			}
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
		},
	}
	f := c.Flags()
	f.IntVar(&p.MaxTokens, "max-tokens", 0, "longest answer (0: the engine's limit)")
	f.Uint64Var(&p.MaxPrice, "max-price", 0, "most credits to spend (0: 1000)")
	f.IntVar(&p.Replicas, "replicas", 1, "providers that must agree on the answer")
	f.StringVar(&p.Image, "image", "", "engine image (default infernet/llm)")
	return c
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
	a.sayf("from %s, %s, %s", short(answer.Provider), amountText(answer.Job.Cost), foreign(answer.Job.Label))
}
