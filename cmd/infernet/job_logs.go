package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// maxLogs bounds what job logs --json holds at once.
const maxLogs = 16 << 20

// logPiece is a piece of one attempt's output in the JSON document.
type logPiece struct {
	Shard    int    `json:"shard"`
	Attempt  int    `json:"attempt"`
	Provider string `json:"provider,omitempty"`
	Stream   string `json:"stream"`
	Text     string `json:"text"`
}

func jobLogsCmd(a *app) *cobra.Command {
	var follow bool
	shard := -1
	c := &cobra.Command{
		Use: "logs ID", Short: "print what a job's tasks wrote to stdout and stderr",
		Long: `Print what a job's tasks wrote, each line with its shard and attempt. It is a
stranger's text: control characters are removed on a terminal.`,
		Example: "  infernet job logs ID --follow\n  infernet job logs ID --shard 3 > shard3.log",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			client, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			p := a.newLogPrinter(shard)
			q := api.EventQuery{Follow: follow && !a.json, Logs: true}
			if err := client.Events(cmd.Context(), given[0], q, p.event); err != nil {
				return err
			}
			p.flush()
			if !a.json {
				return nil
			}
			return a.document(map[string]any{"id": given[0], "logs": p.pieces, "cut": p.cut})
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the job ends (not with --json)")
	c.Flags().IntVar(&shard, "shard", -1, "only this shard, without the line heads")
	return c
}

// logPrinter writes whole lines, so that tasks do not mix within one.
type logPrinter struct {
	a      *app
	w      io.Writer
	shard  int // -1: all
	open   map[string]*bytes.Buffer
	pieces []logPiece
	size   int
	cut    bool // --json held back what was over maxLogs
}

func (a *app) newLogPrinter(shard int) *logPrinter {
	p := &logPrinter{a: a, w: a.out, shard: shard, open: map[string]*bytes.Buffer{}, pieces: []logPiece{}}
	if terminal(a.out) {
		p.w = &screen{w: a.out}
	}
	return p
}

func (p *logPrinter) event(ev api.Event) error {
	if ev.Type != api.EventLog || ev.Shard == nil || ev.Attempt == nil || p.shard >= 0 && *ev.Shard != p.shard {
		return nil
	}
	if p.a.json {
		if p.size += len(ev.Data); p.size > maxLogs {
			p.cut = true
			return nil
		}
		p.pieces = append(p.pieces, logPiece{*ev.Shard, *ev.Attempt, ev.Provider, ev.Stream, string(ev.Data)})
		return nil
	}
	if p.shard >= 0 {
		_, err := p.w.Write(ev.Data)
		return err
	}
	return p.lines(fmt.Sprintf("[%d/%d %s] ", *ev.Shard, *ev.Attempt, ev.Stream), ev.Data)
}

// lines writes the whole lines under a head and keeps the rest. A line longer
// than maxLine is broken: a stranger decides how long it is.
func (p *logPrinter) lines(head string, data []byte) error {
	const maxLine = 64 << 10
	b := p.open[head]
	if b == nil {
		b = &bytes.Buffer{}
		p.open[head] = b
	}
	b.Write(data)
	for {
		i := bytes.IndexByte(b.Bytes(), '\n')
		if i < 0 && b.Len() < maxLine {
			return nil
		}
		if i < 0 {
			i = b.Len() - 1
		}
		line := bytes.TrimSuffix(b.Next(i+1), []byte("\n"))
		if _, err := fmt.Fprintf(p.w, "%s%s\n", head, line); err != nil {
			return err
		}
	}
}

// flush writes lines that never ended.
func (p *logPrinter) flush() {
	for head, b := range p.open {
		if b.Len() > 0 {
			_, _ = fmt.Fprintf(p.w, "%s%s\n", head, b.Bytes())
		}
	}
}
