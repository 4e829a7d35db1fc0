package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
)

// talker is one conversation.
type talker struct {
	app    *app
	client *api.Client
	ask    api.Chat // Messages: what was said so far
	system string
	stops  <-chan os.Signal // each stops the answer that is being given
}

// talkHelp is what /help prints.
const talkHelp = `  /model [NAME]   tell which model answers, or take another
  /system [TEXT]  tell how it is to behave, or change that (/system - forgets it)
  /clear          begin anew
  /save FILE      write the conversation as JSON into a new file
  /help           this
  Ctrl-C          stop the answer
  Ctrl-D, /exit   leave
A line that ends with a backslash goes on in the next one.`

// run talks until in or ctx ends.
func (t *talker) run(ctx context.Context, in io.Reader) error {
	a := t.app
	a.sayf("talking with %s; %s", foreign(t.ask.Model), whoReads)
	a.sayf("/help tells more, Ctrl-D leaves")
	t.ask.Session = "chat-" + rand.Text()
	read, stop := context.WithCancel(ctx)
	defer stop()
	lines := lineReader(read, in)
	for {
		_, _ = io.WriteString(a.err, "> ")
		text, ok := t.line(ctx, lines)
		if !ok {
			a.sayf("")
			return nil
		}
		text = strings.TrimSpace(text)
		switch {
		case text == "":
		case text == "/exit" || text == "/quit" || text == "/bye":
			return nil
		case strings.HasPrefix(text, "/"):
			t.command(ctx, text)
		default:
			if err := t.turn(ctx, text); err != nil {
				return err
			}
		}
	}
}

// lineReader reads lines in a goroutine of its own, which a blocked terminal
// keeps until the program ends.
func lineReader(ctx context.Context, in io.Reader) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		sc := bufio.NewScanner(in)
		sc.Buffer(nil, maxStdin)
		for sc.Scan() {
			select {
			case out <- sc.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// line is what is typed next, its continuations joined; false at the end.
func (t *talker) line(ctx context.Context, lines <-chan string) (string, bool) {
	var all []string
	for {
		select {
		case <-ctx.Done():
			return "", false
		case <-t.stops:
			t.app.sayf("(Ctrl-D leaves)")
			_, _ = io.WriteString(t.app.err, "> ")
			all = nil
		case text, ok := <-lines:
			if !ok {
				return strings.Join(all, "\n"), len(all) > 0
			}
			more, goesOn := strings.CutSuffix(text, `\`)
			all = append(all, more)
			if !goesOn {
				return strings.Join(all, "\n"), true
			}
		}
	}
}

// turn asks one question and keeps it with its answer. A failure is told and
// the talk goes on, unless the node is gone.
func (t *talker) turn(ctx context.Context, text string) error {
	a := t.app
	q := t.ask
	q.Messages = append(t.history(), oai.Message{Role: "user", Content: oai.Text(text)})
	answer, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-t.stops:
			stop()
		case <-answer.Done():
		}
	}()
	r, err := a.say(answer, t.client, q)
	stopped := answer.Err() != nil
	stop()
	<-watched
	switch {
	case ctx.Err() != nil:
		return nil
	case stopped:
		a.sayf("(stopped)")
	case errors.Is(err, api.ErrNotRunning):
		return err
	case err != nil:
		e := explain(ctx, err)
		a.sayf("infernet: %s", e.message)
		if e.hint != "" {
			a.sayf("hint: %s", e.hint)
		}
	default:
		a.from(r)
	}
	if r.Answer != "" {
		t.ask.Messages = append(t.ask.Messages, oai.Message{Role: "user", Content: oai.Text(text)}, oai.Message{Role: "assistant", Content: oai.Text(r.Answer)})
	}
	return nil
}

// history is what is sent before a question.
func (t *talker) history() []oai.Message {
	var out []oai.Message
	if t.system != "" {
		out = append(out, oai.Message{Role: "system", Content: oai.Text(t.system)})
	}
	return append(out, t.ask.Messages...)
}

// command does what a line that begins with a slash says.
func (t *talker) command(ctx context.Context, text string) {
	a := t.app
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "/help", "/?":
		a.sayf("%s", talkHelp)
	case "/clear":
		t.ask.Messages = nil
		a.sayf("nothing was said so far")
	case "/model":
		t.model(ctx, rest)
	case "/system":
		switch rest {
		case "":
			a.sayf("system: %s", foreign(t.system))
		case "-":
			t.system = ""
		default:
			t.system = rest
		}
	case "/save":
		if err := t.save(rest); err != nil {
			a.sayf("infernet: %s", err)
			return
		}
		a.sayf("saved %d messages in %s", len(t.history()), rest)
	default:
		a.sayf("no such command: %.40q; /help lists them", name)
	}
}

// model tells what is served, or takes another.
func (t *talker) model(ctx context.Context, name string) {
	if name != "" {
		t.ask.Model = name
		t.app.sayf("talking with %s; %s", foreign(name), whoReads)
		return
	}
	t.app.sayf("model: %s", foreign(t.ask.Model))
	list, err := t.client.ModelsServed(ctx)
	if err != nil {
		t.app.sayf("infernet: %s", words(err.Error()))
		return
	}
	for _, m := range list {
		t.app.sayf("  %s", foreign(m.ID))
	}
}

// save writes the conversation into a file that must not exist.
func (t *talker) save(path string) error {
	if path == "" {
		return errors.New("/save wants a file")
	}
	raw, err := json.MarshalIndent(map[string]any{"model": t.ask.Model, "messages": t.history()}, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists: nothing is ever overwritten", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	return errors.Join(err, f.Close())
}
