package exectest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
)

func engine(id, digit string) exec.Task {
	return exec.Task{
		ID: id, Image: exec.Image{Digest: "sha256:" + strings.Repeat(digit, 64)},
		Serve: "unix", Limits: exec.Limits{WallClock: exec.MaxWallClock},
	}
}

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

// TestServe is the fake as users of it have it: in virtual time, by image.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &exectest.Runner{Serve: exectest.ByImage(map[string]http.Handler{
			engine("", "a").Image.Digest: say("first"), engine("", "b").Image.Digest: say("second"),
		})}
		for digit, want := range map[string]string{"a": "first", "b": "second"} {
			h, err := r.Start(t.Context(), engine(digit, digit), exec.Streams{})
			if err != nil {
				t.Fatal(err)
			}
			exectest.WaitServing(t, h)
			resp, err := exectest.Client(t, h).Get("http://any/")
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(resp.Body); err != nil || string(text) != want {
				t.Errorf("%q, %v", text, err)
			}
			resp.Body.Close()
		}
		silent, err := r.Start(t.Context(), engine("c", "c"), exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		if _, err := silent.Dial(t.Context()); !errors.Is(err, exec.ErrNotServing) {
			t.Errorf("%v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCrash: the program ends by itself, and its connections with it.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &exectest.Runner{Serve: func(exec.Task) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		}}
		h, err := r.Start(t.Context(), engine("x", "a"), exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		exectest.WaitServing(t, h)
		resp, err := exectest.Client(t, h).Get("http://any/")
		if err != nil {
			t.Fatal(err)
		}
		if !r.Crash("x", 139) || r.Crash("y", 1) {
			t.Error("crashed the wrong task")
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the answer came to a good end")
		}
		resp.Body.Close()
		if res, err := h.Wait(t.Context()); err != nil || res.Reason != exec.ReasonExit || res.ExitCode != 139 {
			t.Errorf("%+v, %v", res, err)
		}
		if _, err := h.Dial(t.Context()); !errors.Is(err, exec.ErrNotServing) {
			t.Errorf("%v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestListen: a program that takes no connections, and ends when it likes.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		r := &exectest.Runner{Listen: func(ctx context.Context, _ exec.Task, _ net.Listener) exec.Result {
			select {
			case <-end:
			case <-ctx.Done():
			}
			return exec.Result{Reason: exec.ReasonExit, ExitCode: 4}
		}, GPUs: []string{"GPU-1"}}
		task := engine("x", "a")
		task.GPUs = []string{"GPU-2"}
		if _, err := r.Start(t.Context(), task, exec.Streams{}); !errors.Is(err, exec.ErrNoGPU) {
			t.Errorf("%v", err)
		}
		task.GPUs = []string{"GPU-1"}
		h, err := r.Start(t.Context(), task, exec.Streams{})
		if err != nil {
			t.Fatal(err)
		}
		exectest.WaitServing(t, h)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for err = nil; err == nil; {
			_, err = h.Dial(ctx) // until the queue is full
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		close(end)
		if res, err := h.Wait(t.Context()); err != nil || res.ExitCode != 4 {
			t.Errorf("%+v, %v", res, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
