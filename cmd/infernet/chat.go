package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
)

// maxStdin is the longest prompt taken from stdin, in bytes.
const maxStdin = 4 << 20

func chatCmd(a *app) *cobra.Command {
	var q api.Chat
	var system string
	var temperature float64
	var seed int64
	c := &cobra.Command{
		Use: "chat [PROMPT]", Short: "talk with a model",
		Long: `Talk with a model on somebody else's machine; its words appear as they are made. With a
PROMPT, or with one on stdin, ask once and leave; on a terminal go on until Ctrl-D.

In a chat: /help tells what else can be typed, Ctrl-C stops an answer. What was said stays
on this side and is sent along with each question; nothing is kept unless you /save it.

Who reads it: ` + whoReads + `.`,
		Example: "  infernet chat -m demo\n  infernet chat -m demo \"What is 17 + 25?\"\n  infernet chat -m demo --json < question.txt",
		Args:    args(0, -1, ""),
		RunE: func(cmd *cobra.Command, given []string) error {
			if cmd.Flags().Changed("temperature") {
				q.Temperature = &temperature
			}
			if cmd.Flags().Changed("seed") {
				q.Seed = &seed
			}
			return a.chat(cmd.Context(), q, system, strings.Join(given, " "))
		},
	}
	f := c.Flags()
	f.StringVarP(&q.Model, "model", "m", "", "name or CID of the model (default: the first that is served)")
	f.StringVar(&system, "system", "", "how the model is to behave")
	f.IntVar(&q.MaxTokens, "max-tokens", 0, "longest answer (0: the engine's limit)")
	f.Float64Var(&temperature, "temperature", 0, "0 always gives the likeliest words (default: the engine's)")
	f.Int64Var(&seed, "seed", 0, "makes an answer repeatable where the engine can")
	mostPrice(f, &q.MaxPriceIn, "max-price-in", "most per million tokens of questions, "+payUnit+" (default: the node's)")
	mostPrice(f, &q.MaxPriceOut, "max-price-out", "most per million tokens of answers, "+payUnit+" (default: the node's)")
	return c
}

// chat asks once or talks on, as there is a prompt or a person.
func (a *app) chat(ctx context.Context, q api.Chat, system, prompt string) error {
	talk := prompt == "" && terminal(a.in)
	if talk && a.json {
		return usagef("--json asks once: give a PROMPT, or one on stdin")
	}
	if prompt == "" && !talk {
		raw, err := io.ReadAll(io.LimitReader(a.in, maxStdin+1))
		if err != nil {
			return fmt.Errorf("read stdin: %w", err)
		}
		if len(raw) > maxStdin {
			return failf(exitUsage, "", "stdin holds more than %s", bytesText(maxStdin))
		}
		if prompt = strings.TrimSpace(string(raw)); prompt == "" {
			return failf(exitUsage, "infernet help chat", "no prompt: stdin is empty")
		}
	}
	client, err := a.models(ctx)
	if err != nil {
		return err
	}
	if q.Model, err = a.chosen(ctx, client, q.Model); err != nil {
		return err
	}
	if talk {
		return a.talkHere(ctx, &talker{app: a, client: client, ask: q, system: system})
	}
	if system != "" {
		q.Messages = append(q.Messages, oai.Message{Role: "system", Content: oai.Text(system)})
	}
	q.Messages = append(q.Messages, oai.Message{Role: "user", Content: oai.Text(prompt)})
	return a.oneShot(ctx, client, q, prompt)
}

// talkHere talks on this terminal: Ctrl-C stops an answer and nothing else.
func (a *app) talkHere(ctx context.Context, t *talker) error {
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, os.Interrupt)
	defer signal.Stop(stops)
	ends, done := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer done()
	t.stops = stops
	return t.run(ends, a.in)
}
