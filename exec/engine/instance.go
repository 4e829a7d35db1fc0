package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"infernet.tech/infernet/exec"
)

const (
	// localHost is what engines are told their name is: some refuse others, for
	// fear of web pages that rebind names.
	localHost = "localhost"
	localURL  = "http://" + localHost
	// maxHeader bounds the header of an engine's answer.
	maxHeader = 64 << 10
	// maxProbe bounds what is read of an answer about health.
	maxProbe = 64 << 10
	// maxWords bounds what an error's text repeats of an engine's last words.
	maxWords = 1 << 10
	// keepAlive is shorter than that of the servers which engines use (five
	// seconds), so that a request seldom meets a connection that is being
	// closed.
	keepAlive = 3 * time.Second
	// patienceForEnd is how long the error of a broken connection waits for the
	// engine's end and its last words.
	patienceForEnd = 500 * time.Millisecond
)

// instance is one run of an engine.
type instance struct {
	handle    exec.Handle
	transport *http.Transport
	health    string
	tail      *tail
	ended     chan struct{} // closed once result is set
	result    exec.Result
	load      func(ctx context.Context, client *http.Client) error

	// suspect is told of each broken connection.
	suspect func()

	// The pool's lock guards these.
	active  int  // requests
	doubted bool // a connection broke, and no probe was answered since

	mu    sync.Mutex
	cause error // why it was condemned
}

// launch starts the engine's task.
func launch(ctx context.Context, r exec.Runner, s Spec, gpus []string, serial uint64, tailSize int) (*instance, error) {
	how, err := recipe(s)
	if err != nil {
		return nil, err
	}
	inst := &instance{tail: &tail{max: tailSize}, ended: make(chan struct{}), health: how.Health}
	inst.load = how.loader(s)
	inst.handle, err = r.Start(ctx, how.task(s, gpus, serial), exec.Streams{Stdout: inst.tail, Stderr: inst.tail})
	if err != nil {
		return nil, err
	}
	inst.transport = &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return inst.handle.Dial(ctx) },
		MaxIdleConns:           s.Parallel + 2,
		MaxIdleConnsPerHost:    s.Parallel + 2,
		IdleConnTimeout:        keepAlive,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
	go func() {
		// It ends with the handle, which stop destroys.
		res, err := inst.handle.Wait(context.WithoutCancel(ctx))
		if err != nil {
			res.Reason, res.Detail = exec.ReasonInternal, err.Error()
		}
		inst.result = res
		close(inst.ended)
	}()
	return inst, nil
}

// ready waits until the engine is healthy, and loads the model where that is
// a step of its own.
func (i *instance) ready(ctx context.Context, timeout time.Duration) error {
	var last error
	for pause := 4 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		if last = i.probe(ctx, timeout); last == nil {
			break
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			continue
		case <-i.ended:
			last = i.end()
		case <-ctx.Done():
			last = fmt.Errorf("%w (%w)%s", context.Cause(ctx), last, i.words())
		}
		t.Stop()
		return last
	}
	if i.load == nil {
		return nil
	}
	if err := i.load(ctx, &http.Client{Transport: i.transport}); err != nil {
		return fmt.Errorf("load the model: %w%s", err, i.words())
	}
	return nil
}

// probe asks for the engine's health once.
func (i *instance) probe(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, localURL+i.health, nil)
	if err != nil {
		return err
	}
	resp, err := i.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxProbe))
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health is %d", resp.StatusCode)
	}
	return nil
}

// condemn sets why the engine is going to be ended, the first time, and
// returns the reason.
func (i *instance) condemn(err error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cause == nil {
		i.cause = err
	}
	return i.cause
}

// crashed is the error of an engine that has ended.
func (i *instance) crashed() error {
	return i.condemn(fmt.Errorf("%w: %w", ErrCrashed, i.end()))
}

// hung condemns an engine that answers no probe, unless it turns out to have
// ended: the runtime tells of it a moment later than its connections.
func (i *instance) hung(misses int) error {
	t := time.NewTimer(patienceForEnd)
	defer t.Stop()
	select {
	case <-i.ended:
		return i.crashed()
	case <-t.C:
		return i.condemn(fmt.Errorf("%w: did not answer %d probes of its health%s", ErrCrashed, misses, i.words()))
	}
}

// verdict is why the engine, which was stopped, had to be: its own end where it
// had one, of which the runtime may tell later than hung waits.
func (i *instance) verdict(err error) error {
	select {
	case <-i.ended:
	default:
		return err
	}
	if r := i.result.Reason; !errors.Is(err, ErrCrashed) || r == exec.ReasonKilled || r == exec.ReasonInternal {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCrashed, i.end())
}

// end says how it ended.
func (i *instance) end() error {
	return fmt.Errorf("ended (%s, exit code %d)%s", i.result.Reason, i.result.ExitCode, i.words())
}

// words are the engine's last, for an error's text.
func (i *instance) words() string {
	s := i.tail.String()
	if s = s[max(0, len(s)-maxWords):]; s != "" {
		return fmt.Sprintf("; its last words: %q", s)
	}
	return ""
}

// stop ends the engine: kindly unless it was condemned, and for certain. After
// an error something of it may be left.
func (i *instance) stop(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace+30*time.Second)
	defer cancel()
	i.mu.Lock()
	kind := i.cause == nil || errors.Is(i.cause, ErrClosed)
	i.mu.Unlock()
	if kind {
		_ = i.handle.Stop(ctx, grace) // destroyed all the same
	}
	err := i.handle.Destroy(ctx)
	i.transport.CloseIdleConnections()
	select {
	case <-i.ended:
	case <-ctx.Done():
	}
	return err
}

// roundTrip asks the engine.
func (i *instance) roundTrip(req *http.Request) (*http.Response, error) {
	at, clone := *req.URL, *req
	at.Scheme, at.Host, clone.Host = "http", localHost, ""
	clone.URL = &at
	if req.GetBody != nil {
		// An engine forgets what it was asked, so a request that met a kept
		// connection in the moment of its closing may be sent again. An empty
		// key tells the transport so, and is not sent.
		if clone.Header = maps.Clone(req.Header); clone.Header == nil {
			clone.Header = http.Header{}
		}
		clone.Header["X-Idempotency-Key"] = []string{}
	}
	req = &clone
	resp, err := i.transport.RoundTrip(req)
	if err != nil {
		return nil, i.fault(req.Context(), err)
	}
	resp.Body = &body{ReadCloser: resp.Body, inst: i, ctx: req.Context}
	return resp, nil
}

// fault turns the error of a connection into what it means. The caller's own
// end stays what it is.
func (i *instance) fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("engine: %w", ctx.Err())
	}
	i.suspect()
	wait := time.NewTimer(patienceForEnd)
	defer wait.Stop()
	select {
	case <-i.ended:
		return i.crashed()
	case <-wait.C:
	case <-ctx.Done():
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cause != nil {
		return i.cause
	}
	return fmt.Errorf("%w: %w", ErrCrashed, err)
}

// body is an answer's body whose errors say what they mean.
type body struct {
	io.ReadCloser
	inst *instance
	ctx  func() context.Context // of the request
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.inst.fault(b.ctx(), err)
	}
	return n, err
}
