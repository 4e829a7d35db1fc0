package p2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// httpPair serves h over streams from a to b and returns how to dial one.
func httpPair(t *testing.T, h http.Handler) (dial func() net.Conn) {
	t.Helper()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	conns := make(chan net.Conn)
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(&chanListener{conns: conns, closed: make(chan struct{}), h: b}) }()
	t.Cleanup(func() { _ = srv.Close() })
	lim := HTTPStreamLimits()
	lim.Idle = time.Hour // it is not time that ends anything here
	b.Handle(ProtoHTTP, lim, func(ctx context.Context, s *Stream) {
		select {
		case conns <- Conn(s):
		case <-ctx.Done():
		}
		<-ctx.Done() // the host closes the stream when the handler returns
	})
	connect(t, a, b)
	return func() net.Conn {
		s, err := a.Open(t.Context(), b.ID(), ProtoHTTP)
		if err != nil {
			t.Fatal(err)
		}
		return Conn(s)
	}
}

type chanListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
	h      *Host
}

func (l *chanListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *chanListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *chanListener) Addr() net.Addr { return Addr{l.h.ID()} }

func get(t *testing.T, c net.Conn, r *bufio.Reader, path string) *http.Response {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestConnKeepsAlive(t *testing.T) {
	t.Parallel()
	dial := httpPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s from %s", r.URL.Path, r.RemoteAddr)
	}))
	c := dial()
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for i := range 3 {
		resp := get(t, c, r, fmt.Sprintf("/%d", i))
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != fmt.Sprintf("/%d from %s", i, c.LocalAddr()) {
			t.Errorf("got %q, %v", body, err)
		}
	}
	if c.RemoteAddr().Network() != "infernet" || !strings.HasPrefix(c.RemoteAddr().String(), "npub1") {
		t.Errorf("remote address %v", c.RemoteAddr())
	}
}

// TestConnClientGone wants the handler's context to end as soon as the client
// resets or closes the stream, with an answer begun or not.
func TestConnClientGone(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(net.Conn) error{
		"reset": func(c net.Conn) error { return c.(interface{ Reset() error }).Reset() },
		"close": net.Conn.Close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, ended := make(chan bool), make(chan error, 1)
			dial := httpPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "first")
				_ = http.NewResponseController(w).Flush()
				close(began)
				<-r.Context().Done()
				ended <- r.Context().Err()
			}))
			c := dial()
			resp := get(t, c, bufio.NewReader(c), "/")
			if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			<-began
			if err := leave(c); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-t.Context().Done():
			case <-time.After(3 * time.Minute):
				t.Error("the handler never learnt of it")
			}
		})
	}
}

// TestConnDeadlines wants a read that waits to end by a deadline set meanwhile,
// as net/http does it between requests, and to go on after that.
func TestConnDeadlines(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]string{"QUIC": "quic", "TCP": "tcp"} {
		t.Run(name, func(t *testing.T) { connDeadlines(t, transport) })
	}
}

func connDeadlines(t *testing.T, transport string) {
	t.Parallel()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	got := make(chan net.Conn, 1)
	b.Handle(ProtoHTTP, StreamLimits{Idle: time.Hour}, func(ctx context.Context, s *Stream) {
		if first, err := s.ReadByte(); err != nil || first != 'w' {
			t.Errorf("%q, %v", first, err)
		}
		s.SetIdle(100 * time.Millisecond)
		if _, err := s.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("idle: %v", err)
		}
		got <- Conn(s)
		<-ctx.Done()
	})
	if err := a.Connect(t.Context(), addrWith(t, b, transport)); err != nil {
		t.Fatal(err)
	}
	s, err := a.Open(t.Context(), b.ID(), ProtoHTTP)
	if err != nil {
		t.Fatal(err)
	}
	mine := Conn(s)
	if _, err := mine.Write([]byte("w")); err != nil {
		t.Fatal(err)
	}
	var c net.Conn
	select {
	case c = <-got:
	case <-time.After(3 * time.Minute):
		t.Fatal("the other side has no connection")
	}
	if _, err := mine.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := c.Read(one); err != nil || one[0] != 'x' {
		t.Fatalf("%q, %v", one, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("a read without a deadline ended after the stream's idle time: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	select {
	case err = <-done:
	case <-time.After(3 * time.Minute):
		t.Fatal("the read outlasts its deadline")
	}
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		t.Fatalf("the read ended with %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(one); err != nil || one[0] != 'y' {
		t.Errorf("after the deadline: %q, %v", one, err)
	}
	if err := mine.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(one); !errors.Is(err, io.EOF) {
		t.Errorf("after the end of writing: %v", err)
	}
}

// TestConnBuffered wants what the stream has read ahead to be read first.
func TestConnBuffered(t *testing.T) {
	t.Parallel()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	got := make(chan string, 1)
	b.Handle(ProtoHTTP, HTTPStreamLimits(), func(_ context.Context, s *Stream) {
		line, err := s.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		rest, err := io.ReadAll(Conn(s))
		if err != nil {
			t.Error(err)
		}
		got <- line + string(rest)
	})
	connect(t, a, b)
	s, err := a.Open(t.Context(), b.ID(), ProtoHTTP)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("one\ntwo")); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "one\ntwo" {
		t.Errorf("got %q", text)
	}
}
