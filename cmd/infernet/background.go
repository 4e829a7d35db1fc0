package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
)

const (
	idleExit  = "10m"            // a node started by a verb leaves after this
	startWait = 60 * time.Second // how long a verb waits for its API
	logTail   = 4 << 10          // bytes of node.log shown when it dies
)

// background starts a node for this home, detached from this terminal: client
// role, no rights, gone when idle.
func (a *app) background(ctx context.Context) (*api.Client, error) {
	if err := a.makeHome(); err != nil {
		return nil, err
	}
	secret, err := a.passphraseOf(a.keyPath(), "node key")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(a.home, "node.log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open node log: %w", err)
	}
	defer func() { _ = log.Close() }()
	info, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("open node log: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	// Not CommandContext: the node outlives this verb.
	cmd := exec.Command(self, "node", "--role", "client", "--idle-exit", idleExit)
	cmd.Env = append(os.Environ(), "INFERNET_HOME="+a.home)
	if secret != nil {
		cmd.Env = append(cmd.Env, passphraseEnv+"="+string(secret))
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = a.home
	detach(cmd)
	a.sayf("no node runs for %s: starting one in the background (it leaves after %s without use)", a.home, idleExit)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	return a.awaitAPI(ctx, died, path, info.Size())
}

// awaitAPI waits until a node answers for this home. A child that died first
// may have lost a race against another verb's: then that node answers.
func (a *app) awaitAPI(ctx context.Context, died <-chan error, logPath string, from int64) (*api.Client, error) {
	limit := time.NewTimer(startWait)
	defer limit.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	grace := (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, failf(exitNotRunning, "see "+logPath, "the node does not answer after %s", startWait)
		case <-died:
			died, grace = nil, time.After(2*time.Second)
		case <-grace:
			return nil, failf(exitNotRunning, "the whole log is "+logPath, "the node ended at once%s", tail(logPath, from))
		case <-tick.C:
		}
		c, err := a.running(ctx)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, api.ErrNotRunning) && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
	}
}

// tail is what a log got since an offset, at most its last logTail bytes.
func tail(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if end, err := f.Seek(0, io.SeekEnd); err == nil && end-from > logTail {
		from = end - logTail
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return ""
	}
	raw, err := io.ReadAll(io.LimitReader(f, logTail))
	if err != nil || len(bytes.TrimSpace(raw)) == 0 {
		return ""
	}
	var clean strings.Builder
	// The log may quote strangers.
	_, _ = (&screen{w: &clean}).Write(bytes.TrimSpace(raw))
	return ":\n  " + strings.ReplaceAll(clean.String(), "\n", "\n  ")
}

// encrypted says whether a key file needs a passphrase; a missing one does not.
func encrypted(path string) (bool, error) {
	_, err := identity.Load(path, nil)
	switch {
	case errors.Is(err, identity.ErrNeedPassphrase):
		return true, nil
	case err == nil, errors.Is(err, os.ErrNotExist):
		return false, nil
	}
	return false, err
}
