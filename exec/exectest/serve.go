package exectest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"infernet.tech/infernet/exec"
)

// ByImage answers each task with the handler of its image's digest; a task of
// another image never listens. For Runner.Serve.
func ByImage(handlers map[string]http.Handler) func(exec.Task) http.Handler {
	return func(t exec.Task) http.Handler { return handlers[t.Image.Digest] }
}

// socket is the place where a task may listen, once.
type socket struct {
	mu   sync.Mutex
	l    *pipeListener
	dead bool
}

func (s *socket) listen() *pipeListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.l == nil {
		s.l = newPipeListener()
		if s.dead {
			_ = s.l.Close()
		}
	}
	return s.l
}

func (s *socket) dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	l := s.l
	s.mu.Unlock()
	if l == nil {
		return nil, errors.Join(ctx.Err(), exec.ErrNotServing)
	}
	c, err := l.dial(ctx)
	if errors.Is(err, net.ErrClosed) {
		return nil, exec.ErrNotServing
	}
	return c, err
}

func (s *socket) cut() {
	s.mu.Lock()
	s.dead = true
	l := s.l
	s.mu.Unlock()
	if l != nil {
		l.cut()
	}
}

// serve answers HTTP until ctx ends.
func serve(ctx context.Context, h http.Handler, s *socket) exec.Result {
	if h == nil {
		<-ctx.Done()
		return exec.Result{Reason: exec.ReasonOK}
	}
	srv := &http.Server{Handler: h}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(s.listen()); ctx.Err() == nil {
		return exec.Result{Reason: exec.ReasonExit, ExitCode: 1, Detail: err.Error()}
	}
	return exec.Result{Reason: exec.ReasonOK}
}

// crashed is the end of a program with this exit code.
func crashed(code int) (exec.Reason, int, string) {
	if code == 0 {
		return exec.ReasonOK, 0, ""
	}
	return exec.ReasonExit, code, fmt.Sprintf("exit code %d", code)
}
