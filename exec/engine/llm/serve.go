package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	maxHeader   = 16 << 10
	headerTime  = 10 * time.Second
	queuedEach  = 8 // requests that may wait, for each that is served at once
	minQueue    = 64
	stopTime    = 5 * time.Second
	unixAddress = "unix:"
)

// serve answers requests over HTTP until the context ends.
func serve(ctx context.Context, c config, log *slog.Logger) error {
	l, err := listen(c.serve)
	if err != nil {
		return err
	}
	f := &front{log: log}
	// Idle connections stay: the node alone connects, keeps few, and a request
	// on one that is just being closed would be lost.
	web := &http.Server{
		Handler: f.handler(), MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerTime,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, 2)
	wg.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	wg.Go(func() { failed <- f.run(ctx, c) })
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer stop()
	if web.Shutdown(late) != nil {
		_ = web.Close()
	}
	wg.Wait()
	return err
}

// run loads the model and schedules what is asked of it.
func (f *front) run(ctx context.Context, c config) error {
	began := time.Now()
	e, err := load(c)
	if err != nil {
		return err
	}
	s := newServer(newServed(e), c)
	f.ready.Store(s)
	f.log.Info("ready", "model", s.name, "template", e.template.Name, "context", e.size, "parallel", e.parallel,
		"threads", c.threads, "load_ms", time.Since(began).Milliseconds())
	return s.sched.Run(ctx)
}

func newServer(m *served, c config) *server {
	limit := max(minQueue, queuedEach*m.parallel)
	s := &server{
		served: m, sched: newScheduler(m.engine, limit), aliases: names(c.name), started: time.Now().Unix(),
		now: func() int64 { return time.Now().Unix() }, room: make(chan struct{}, limit+m.parallel),
	}
	if len(s.aliases) == 0 {
		s.aliases = names(m.header.Name)
	}
	if len(s.aliases) == 0 {
		s.aliases = []string{"default"}
	}
	s.name = s.aliases[0]
	return s
}

// names splits a list of names that stand for the model, the first its own.
func names(list string) []string {
	var out []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// listen opens the socket of an address like unix:/run/engine/http.sock. A
// socket that an earlier run left there is removed; anything else is not.
func listen(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, unixAddress)
	if !ok || path == "" {
		return nil, fmt.Errorf("%w: --serve %.100q is not of the form unix:PATH", errUsage, address)
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%w: %s is there and is no socket", errUsage, path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}
