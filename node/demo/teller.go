package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"infernet.tech/infernet/node/api"
)

// teller writes what happens, a line each, with the seconds since the start.
type teller struct {
	w     io.Writer
	began time.Time

	mu   sync.Mutex
	open bool // words stand on an unfinished line
	done int  // shards told of
}

func newTeller(w io.Writer) *teller {
	if w == nil {
		w = io.Discard
	}
	return &teller{w: w, began: time.Now()}
}

func (t *teller) line(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finish()
	_, _ = fmt.Fprintf(t.w, "%6.1fs  %s\n", time.Since(t.began).Seconds(), text)
}

// job is the line of one that begins.
func (t *teller) job(text string) {
	t.done = 0
	t.line(text)
}

// words are shown as they come. They are a task's: what could steer a terminal
// is not passed on.
func (t *teller) words(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		_, _ = fmt.Fprintf(t.w, "%6.1fs  > ", time.Since(t.began).Seconds())
		t.open = true
	}
	clean := make([]byte, 0, len(b))
	for _, c := range b {
		if c >= 0x20 && c != 0x7f {
			clean = append(clean, c)
		}
	}
	_, _ = t.w.Write(clean)
}

func (t *teller) endWords() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finish()
}

func (t *teller) finish() {
	if t.open {
		_, _ = io.WriteString(t.w, "\n")
		t.open = false
	}
}

// event tells of a job's notes and of each shard that is done.
func (t *teller) event(ev api.Event, names map[string]string) {
	if ev.Type == api.EventNote && ev.Text != "" {
		text := ev.Text
		if n := names[ev.Provider]; n != "" {
			text = n + ": " + text
		}
		t.line(fmt.Sprintf("%.300s", text))
	}
	if c := ev.Shards; c != nil && c.OK > t.done {
		t.done = c.OK
		t.line(fmt.Sprintf("%d of %d shards done", c.OK, c.Total))
	}
}
