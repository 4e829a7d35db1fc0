package devnet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
)

const (
	askEvery = 50 * time.Millisecond // how often a starting node is asked
	logTail  = 2 << 10               // bytes of a dead node's log that are shown
)

var errEndedWell = errors.New("without an error")

// process is a node that was started by this process.
type process struct {
	home string
	pid  int
	log  string
	died chan struct{} // closed when it has ended
	end  error         // how, for who has seen it end; nil: with status 0
}

// env is what a node gets of our environment: nothing that is meant for us.
func (s *starter) env(home string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); name != "INFERNET_HOME" && name != lifelineEnv {
			env = append(env, kv)
		}
	}
	return append(append(env, s.cfg.Env...), "INFERNET_HOME="+home)
}

// prepare makes the node's key and settings where there are none. The settings
// are those that it is started with, so that a person can start it again.
func (s *starter) prepare(ctx context.Context, home string, flags []string) error {
	if _, err := os.Stat(filepath.Join(home, "key")); err == nil {
		// Settings of an earlier network would hold where no flag says otherwise.
		if err := os.Remove(filepath.Join(home, "config.yaml")); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.CommandContext(ctx, s.cfg.Bin, append([]string{"init"}, flags...)...)
	cmd.Env = s.env(home)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("init: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// launch starts the node. Its log is node.log in its home.
func (s *starter) launch(name, home string, flags []string) (*process, error) {
	p := &process{home: home, log: filepath.Join(home, "node.log"), died: make(chan struct{})}
	// An old one would be taken for the new node's.
	if err := os.Remove(filepath.Join(home, api.FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	// Not CommandContext: the node outlives the starting.
	cmd := exec.Command(s.cfg.Bin, append([]string{"node"}, flags...)...)
	cmd.Env, cmd.Dir = s.env(home), home
	cmd.Stdout, cmd.Stderr = log, log
	apart(cmd, s.cfg.Detach)
	if s.nodes != nil {
		hold(cmd, s.nodes)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	mark, err := startMark(p.pid)
	if err == nil {
		err = appendRecord(s.cfg.Dir, record{Name: name, PID: p.pid, Mark: mark})
	}
	// Waiting takes the ended process off the system's list.
	go func() {
		p.end = cmd.Wait()
		close(p.died)
	}()
	if err != nil && !errors.Is(err, errEnded) {
		// A process that is not written down must not be.
		_ = cmd.Process.Kill()
		<-p.died
		return nil, err
	}
	return p, nil
}

// ready waits until the node says that it does what its roles need.
func (p *process) ready(ctx context.Context) (api.Status, error) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return api.Status{}, fmt.Errorf("%w%s", context.Cause(ctx), p.lastWords())
		case <-p.died:
			return api.Status{}, fmt.Errorf("it ended at once (%v)%s", cmp.Or(p.end, errEndedWell), p.lastWords())
		case <-tick.C:
		}
		if st, err := ask(ctx, p.home); err == nil && st.Ready {
			return st, nil
		}
	}
}

func ask(ctx context.Context, home string) (api.Status, error) {
	c, err := api.Dial(home)
	if err != nil {
		return api.Status{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return c.Status(ctx)
}

// apiFile tells where the node's API listens.
func apiFile(home string) (string, error) {
	f, err := api.ReadFile(home)
	return f.Addr, err
}

// lastWords are the end of the node's log, for an error message.
func (p *process) lastWords() string {
	f, err := os.Open(p.log)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > logTail {
		_, _ = f.Seek(-logTail, io.SeekEnd)
	}
	raw, _ := io.ReadAll(io.LimitReader(f, logTail))
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return ""
	}
	return ":\n  " + strings.ReplaceAll(string(raw), "\n", "\n  ")
}
