package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
)

// serveRaw answers probes of health, and all else with what a function writes.
func serveRaw(t *testing.T, write func(c net.Conn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	one := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if req.URL.Path != "/health" {
				write(c)
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go one(c)
		}
	}()
	return path
}

// ever repeats a text until nobody reads it.
func ever(c net.Conn, before, again string) {
	again = strings.Repeat(again, max(1, 4096/len(again)))
	_, err := io.WriteString(c, before)
	for err == nil {
		_, err = io.WriteString(c, again)
	}
}

// TestHostileEngine: an engine is a stranger's program. Whatever it answers
// with, the end comes soon and takes little memory. It runs alone.
func TestHostileEngine(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tc := range map[string]struct {
		write  func(net.Conn)
		status int  // 0: an error
		body   bool // read to its end without one
		most   int
	}{
		"endless header":  {write: func(c net.Conn) { ever(c, ok, "X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n") }},
		"endless line":    {write: func(c net.Conn) { ever(c, ok+"X: ", "a") }},
		"endless 1xx":     {write: func(c net.Conn) { ever(c, "", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n") }},
		"no HTTP":         {write: func(c net.Conn) { ever(c, "", "\x00\xff") }},
		"two lengths":     {write: func(c net.Conn) { ever(c, ok+"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "x") }},
		"negative length": {write: func(c net.Conn) { ever(c, ok+"Content-Length: -1\r\n\r\n", "x") }},
		"length that lies": {status: 200, write: func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Content-Length: 999999999999\r\n\r\nshort")
		}},
		"more than its length": {status: 200, body: true, most: 5, write: func(c net.Conn) { ever(c, ok+"Content-Length: 5\r\n\r\n", "x") }},
		"chunk of nonsense":    {status: 200, write: func(c net.Conn) { ever(c, ok+"Transfer-Encoding: chunked\r\n\r\n", "zz\r\n") }},
		"chunk too large":      {status: 200, write: func(c net.Conn) { ever(c, ok+"Transfer-Encoding: chunked\r\n\r\n", "fffffffffffffffff\r\n") }},
		"endless extensions":   {status: 200, write: func(c net.Conn) { ever(c, ok+"Transfer-Encoding: chunked\r\n\r\n1;", "a") }},
		"endless trailer":      {status: 200, write: func(c net.Conn) { ever(c, ok+"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n", "X: y\r\n") }},
		"packed": {status: 200, body: true, most: 4, write: func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
		}},
		"redirect": {status: 302, body: true, write: func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &socketRunner{path: serveRaw(t, tc.write)}
			r.Serve = func(exec.Task) http.Handler { return http.NotFoundHandler() }
			p, err := NewPool(Default(), r, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			run, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(run) }()
			defer func() { stop(); <-ended }()
			slot, err := p.Acquire(t.Context(), testSpec("a"), "t")
			if err != nil {
				t.Fatal(err)
			}
			defer slot.Release()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/v1/chat/completions", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			resp, err := slot.RoundTrip(req)
			switch {
			case (tc.status == 0) != (err != nil):
				t.Fatalf("%v, %v", resp, err)
			case err == nil:
				n, err := io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != tc.status || tc.body != (err == nil) || tc.body && n != int64(tc.most) {
					t.Errorf("%d, %d bytes, %v", resp.StatusCode, n, err)
				}
			}
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 4 || ctx.Err() != nil {
				t.Errorf("%d MiB allocated, %v", took, ctx.Err())
			}
		})
	}
}

// An engine that was given up for its silence and had ended before is told of by
// its end.
func TestVerdict(t *testing.T) {
	t.Parallel()
	silent := fmt.Errorf("%w: did not answer", ErrCrashed)
	for reason, own := range map[exec.Reason]bool{exec.ReasonExit: true, exec.ReasonOOM: true, exec.ReasonKilled: false, exec.ReasonInternal: false} {
		i := &instance{tail: &tail{max: 10}, ended: make(chan struct{}), result: exec.Result{Reason: reason, ExitCode: 3}}
		if err := i.verdict(silent); err != silent {
			t.Errorf("%s, while it runs: %v", reason, err)
		}
		close(i.ended)
		if err := i.verdict(silent); !errors.Is(err, ErrCrashed) || own != strings.Contains(err.Error(), "exit code 3") {
			t.Errorf("%s: %v", reason, err)
		}
		if err := i.verdict(nil); err != nil {
			t.Errorf("%s: stopped on purpose, and %v", reason, err)
		}
	}
}
