package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/compare"
)

const (
	maxSaid    = 160              // bytes kept of what the program prints last
	removeTime = 30 * time.Second // for taking a container away after ctx has ended
)

// run runs the program on what is staged and turns its end into an outcome.
func (c *Comparator) run(ctx context.Context, in string) (o compare.Outcome, err error) {
	o = compare.Outcome{Answer: compare.Inconclusive, Score: 0.5}
	said := &tail{}
	h, err := c.runner.Start(ctx, exec.Task{
		ID: taskID(), Image: c.cfg.Image, In: in, Limits: c.cfg.Limits,
		Labels: map[string]string{"infernet.task": "compare"},
	}, exec.Streams{Stdout: said, Stderr: said})
	if err != nil {
		return o, fmt.Errorf("container: %w", err)
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		_ = h.Destroy(late) // the runner sweeps what is left
	}()
	res, err := h.Wait(ctx)
	if err != nil {
		return o, fmt.Errorf("container: %w", err)
	}
	switch {
	case res.Reason == exec.ReasonInternal || res.Reason == exec.ReasonImage:
		return o, fmt.Errorf("container: the comparator could not be run: %s: %.160q", res.Reason, res.Detail)
	case res.OK():
		o.Answer, o.Score, o.Why = compare.Match, 1, "the comparator says that they match"
	case res.Reason == exec.ReasonExit && res.ExitCode == 1:
		o.Answer, o.Score, o.Why = compare.Mismatch, 0, "the comparator says that they differ"
	case res.Reason == exec.ReasonExit && res.ExitCode == 2:
		o.Why = "the comparator cannot tell"
	default:
		o.Why = fmt.Sprintf("the comparator failed: %s, exit code %d", res.Reason, res.ExitCode)
	}
	if last := said.last(); last != "" {
		o.Why += fmt.Sprintf("; its last words: %.80q", last)
	}
	return o, nil
}

// taskID tells nothing of what is compared.
func taskID() string {
	var b [12]byte
	rand.Read(b[:])
	return "compare-" + hex.EncodeToString(b[:])
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p[max(0, len(p)-maxSaid):]...)
	t.end = append([]byte{}, t.end[max(0, len(t.end)-maxSaid):]...)
	return len(p), nil
}

// last is the last line.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.TrimSpace(strings.ToValidUTF8(string(t.end), "?"))
	return s[strings.LastIndexByte(s, '\n')+1:]
}
