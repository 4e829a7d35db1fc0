package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/api"
)

// whoReads is said wherever somebody chooses what to ask.
const whoReads = "the provider that runs the model can read what you ask and what it answers; nobody else can"

// joinWait is how long a verb waits for a node that has just been started to
// join its network.
const joinWait = 20 * time.Second

// models returns a client for a node that can look for models.
func (a *app) models(ctx context.Context) (*api.Client, error) {
	c, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	limit := time.NewTimer(joinWait)
	defer limit.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for said := false; ; said = true {
		s, err := c.Status(ctx)
		if err != nil || s.Ready {
			return c, err
		}
		if !said {
			a.sayf("waiting for the node to join its network")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return c, nil // what is there may do
		case <-tick.C:
		}
	}
}

// chosen is the model to ask: the one named, else the first that is served,
// said aloud.
func (a *app) chosen(ctx context.Context, c *api.Client, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	list, err := c.ModelsServed(ctx)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", failf(exitNoProvider, "infernet provider search shows who serves what; infernet node --serve MODEL serves one", "nobody serves a model now")
	}
	name = list[0].ID
	if len(list) == 1 {
		a.sayf("model: %s (the only one that is served)", foreign(name))
	} else {
		a.sayf("model: %s (the first of %d that are served; -m MODEL chooses)", foreign(name), len(list))
	}
	return name, nil
}

// firstUse says once for each home who reads prompts.
func (a *app) firstUse() {
	f, err := os.OpenFile(filepath.Join(a.home, "told-who-reads"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return // told, or nowhere to keep that
	}
	_ = f.Close()
	a.sayf("note: %s", whoReads)
}

// from tells who answered, at which price, and how far that is checked.
func (a *app) from(r api.Reply) {
	if r.Lease == "" {
		a.sayf("from %s, free, %d+%d tokens, %s", short(r.Provider), r.Usage.PromptTokens, r.Usage.CompletionTokens, foreign(r.Label))
		return
	}
	a.sayf("from %s, %s, %d+%d tokens, %s", short(r.Provider), human(r.Cost), r.Usage.PromptTokens, r.Usage.CompletionTokens, foreign(r.Label))
}

// say asks once and prints the words as they come. What was said before an
// error is ended with a line.
func (a *app) say(ctx context.Context, c *api.Client, q api.Chat) (api.Reply, error) {
	show := &screen{w: a.out}
	r, err := c.Chat(ctx, q, func(words string) {
		if !a.json {
			_, _ = show.Write([]byte(words))
		}
	})
	if r.Answer != "" && !a.json {
		_, _ = fmt.Fprintln(a.out)
	}
	return r, err
}

// oneShot asks once and ends with who answered, or with the one document.
func (a *app) oneShot(ctx context.Context, c *api.Client, q api.Chat, prompt string) error {
	a.firstUse()
	r, err := a.say(ctx, c, q)
	if err != nil {
		if errors.Is(err, api.ErrStreamCut) {
			return failf(exitJobFailed, "ask again; what was said before is above", "the answer was cut short")
		}
		return err
	}
	if a.json {
		return a.document(struct {
			Prompt string `json:"prompt"`
			api.Reply
		}{prompt, r})
	}
	if r.Finish == "length" {
		a.sayf("cut off: the longest answer was reached (--max-tokens)")
	}
	a.from(r)
	return nil
}
