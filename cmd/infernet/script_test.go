package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
	"infernet.tech/infernet/store"
)

// cmdExits runs the program and checks its exit code: exits CODE ARGS…
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ee *exec.ExitError
		if !errors.As(err, &ee) {
			ts.Fatalf("%v", err)
		}
		got = ee.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdAPI serves the local API of a scripted node for $INFERNET_HOME until the
// script ends.
func cmdAPI(ts *testscript.TestScript, neg bool, args []string) {
	home := ts.Getenv("INFERNET_HOME")
	ts.Check(os.MkdirAll(home, 0o700))
	n := &scriptedNode{}
	cfg := openai.Default()
	cfg.Dir = filepath.Join(home, "openai")
	face, err := openai.New(cfg, openai.Deps{Infer: openaitest.New(), Store: store.NewMem(), Log: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	b := api.Backends{Node: n, Jobs: n, Results: n, Content: scriptedShelf{}, Market: n, Money: scriptedMoney{}, Trust: n, Inference: n, Face: face}
	s, err := api.NewServer(api.DefaultConfig(home), b, slog.New(slog.DiscardHandler))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	ts.Defer(func() {
		cancel()
		if err := <-done; err != nil {
			ts.Logf("api: %v", err)
		}
	})
	<-s.Ready()
}

// cmdWrongToken puts another token into api.json.
func cmdWrongToken(ts *testscript.TestScript, _ bool, _ []string) {
	home := ts.Getenv("INFERNET_HOME")
	f, err := api.ReadFile(home)
	ts.Check(err)
	f.Token = strings.Repeat("0", len(f.Token))
	raw, err := json.Marshal(f)
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(home, api.FileName), raw, 0o600))
}

// cmdGone waits until the scripted node has gone.
func cmdGone(ts *testscript.TestScript, _ bool, _ []string) {
	path := filepath.Join(ts.Getenv("INFERNET_HOME"), api.FileName)
	limit := time.After(3 * time.Minute)
	for {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("%s is still there", path)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
