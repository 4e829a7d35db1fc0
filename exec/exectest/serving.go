package exectest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest/script"
)

// Client speaks HTTP with what a task serves, whatever host the URL names. Its
// idle connections are closed when the test ends.
func Client(t testing.TB, h exec.Handle) *http.Client {
	tr := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return h.Dial(ctx) },
		MaxIdleConnsPerHost: 64,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// WaitServing returns once something listens. Until then Dial may say nothing
// but exec.ErrNotServing.
func WaitServing(t testing.TB, h exec.Handle) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		c, err := h.Dial(t.Context())
		if err == nil {
			c.Close()
			return
		}
		if !errors.Is(err, exec.ErrNotServing) {
			t.Fatalf("dial: %v", err)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("nothing listens: %v", err)
		}
	}
}

// serve holds a runner to the contract of Task.Serve and Handle.Dial.
func (s suite) serve(t *testing.T, where string) {
	t.Run("silent", func(t *testing.T) { s.silent(t, where) })
	h := s.startServing(t, where)
	client := Client(t, h)
	t.Run("answers", func(t *testing.T) { answers(t, client) })
	t.Run("many", func(t *testing.T) { many(t, h) })
	t.Run("cancel", func(t *testing.T) { cancels(t, h, client) })
	t.Run("stop", func(t *testing.T) {
		cut := s.open(t, h)
		must(t, h.Stop(t.Context(), 0))
		cut()
		noDial(t, h)
		must(t, h.Destroy(t.Context()))
		noDial(t, h)
	})
	t.Run("exit", func(t *testing.T) {
		h := s.startServing(t, where)
		cut := s.open(t, h)
		if resp, err := Client(t, h).Get("http://task/exit?code=9"); err == nil {
			resp.Body.Close()
			t.Errorf("a dead program answered %s", resp.Status)
		}
		if res, err := h.Wait(t.Context()); err != nil || res.Reason != exec.ReasonExit || res.ExitCode != 9 {
			t.Errorf("%+v, %v", res, err)
		}
		cut()
		noDial(t, h)
	})
}

// startServing returns when the task listens. The task ends with the test.
func (s suite) startServing(t *testing.T, where string) exec.Handle {
	t.Helper()
	task := s.task(t, script.Serve+"="+where, script.Sleep+"=1h")
	task.Serve = where
	h, err := s.r.Start(t.Context(), task, exec.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, h.Destroy(context.Background())) })
	WaitServing(t, h)
	return h
}

// silent: a task that does not listen, and one that was not asked to.
func (s suite) silent(t *testing.T, where string) {
	for name, c := range map[string]struct{ serve, listen string }{"deaf": {serve: where}, "unasked": {}} {
		task := s.task(t, script.Sleep+"=1h")
		task.ID, task.Serve = "silent-"+name, c.serve
		h, err := s.r.Start(t.Context(), task, exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		noDial(t, h)
		must(t, h.Destroy(t.Context()))
		noDial(t, h)
	}
}

func noDial(t *testing.T, h exec.Handle) {
	t.Helper()
	c, err := h.Dial(t.Context())
	if !errors.Is(err, exec.ErrNotServing) {
		t.Errorf("dialled: %v", err)
	}
	if c != nil {
		c.Close()
	}
}

func answers(t *testing.T, client *http.Client) {
	body := make([]byte, 3<<20)
	_, _ = rand.Read(body)
	for range 3 {
		resp, err := client.Post("http://task/echo", "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes of %d came back, %v", len(got), len(body), err)
		}
	}
}

// get returns a small answer.
func get(ctx context.Context, client *http.Client, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://task"+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return string(raw), err
}

// many opens connections at once, each of which stays open for a while.
func many(t *testing.T, h exec.Handle) {
	var wg sync.WaitGroup
	for range 64 {
		client := Client(t, h)
		wg.Go(func() {
			for range 5 {
				if text, err := get(t.Context(), client, "/hello"); err != nil || text != "hello" {
					t.Errorf("%q, %v", text, err)
				}
			}
		})
	}
	wg.Wait()
}

// cancels: the caller goes, and the program notices; a context that has ended
// dials nothing.
func cancels(t *testing.T, h exec.Handle, client *http.Client) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://task/endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	if text, err := get(t.Context(), client, "/running"); text != "1" {
		t.Errorf("%q running, %v", text, err)
	}
	cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for text := "1"; text != "0"; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q still running", text)
		}
		if text, err = get(t.Context(), client, "/running"); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := h.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("dialled with a context that had ended: %v, %v", c, err)
	}
}

// open leaves a connection in the middle of an answer, and returns what sees to
// it that the connection is cut soon.
func (s suite) open(t *testing.T, h exec.Handle) (cut func()) {
	t.Helper()
	c, err := h.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(patience)))
	if _, err := fmt.Fprint(c, "GET /endless HTTP/1.1\r\nHost: task\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		var timeout net.Error
		if _, err := io.Copy(io.Discard, c); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the connection outlives its task")
		}
	}
}
