// Command echo is an engine without a model: it keeps the whole contract of
// node/docs/engines.md, answers at once with the words it was given, and fails
// in the ways a test or a measurement asks for (see exec/engine/echo/handler).
// It is one static program, and all there is in its image.
//
//	INFERNET_SOCKET      where it listens; without it ECHO_LISTEN, HOST:PORT
//	INFERNET_MODEL_NAME  its model, default echo
//	INFERNET_CONTEXT     tokens, default 8192
//	ECHO_DELAY           between tokens, as 5ms
//	ECHO_START           until it is healthy; never for never
//	ECHO_CRASH           it ends by itself after this time
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"infernet.tech/infernet/exec/engine/echo/handler"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, crash, err := config()
	if err != nil {
		return err
	}
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	if crash > 0 {
		time.AfterFunc(crash, func() { cfg.Exit(3) })
	}
	srv := &http.Server{Handler: handler.New(cfg), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	if path := os.Getenv("INFERNET_SOCKET"); path != "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return lc.Listen(ctx, "unix", path)
	}
	addr := os.Getenv("ECHO_LISTEN")
	if addr == "" {
		return nil, errors.New("neither INFERNET_SOCKET nor ECHO_LISTEN is set")
	}
	return lc.Listen(ctx, "tcp", addr)
}

func config() (cfg handler.Config, crash time.Duration, err error) {
	cfg = handler.Config{Model: os.Getenv("INFERNET_MODEL_NAME"), Exit: func(code int) {
		fmt.Fprintln(os.Stderr, "echo: crashes on request")
		os.Exit(code)
	}}
	if s := os.Getenv("INFERNET_CONTEXT"); s != "" {
		if cfg.Context, err = strconv.Atoi(s); err != nil {
			return cfg, 0, fmt.Errorf("INFERNET_CONTEXT: %w", err)
		}
	}
	start := os.Getenv("ECHO_START")
	if start == "never" {
		cfg.Start, start = -1, ""
	}
	for name, d := range map[string]struct {
		text string
		into *time.Duration
	}{"ECHO_DELAY": {os.Getenv("ECHO_DELAY"), &cfg.Delay}, "ECHO_START": {start, &cfg.Start}, "ECHO_CRASH": {os.Getenv("ECHO_CRASH"), &crash}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.ParseDuration(d.text); err != nil {
			return cfg, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return cfg, crash, nil
}
