package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// endpoint is one JSON-RPC server. What it says is data of a stranger.
type endpoint struct {
	name    string
	rpc     *rpc.Client
	timeout time.Duration
	// right is set once it told the right chain id.
	right atomic.Bool
}

// errAnswered says that an endpoint answered with an error of its own: it is
// there, and cannot or will not do this.
var errAnswered = errors.New("the endpoint refused")

// errTooLarge says that an answer was over the limit.
var errTooLarge = fmt.Errorf("%w: too large", ErrAnswer)

func newEndpoint(cfg Config, i int) (*endpoint, error) {
	host, err := cfg.hostOf(cfg.RPCs[i])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	hc := &http.Client{
		Transport: limited{cfg.Transport, cfg.MaxAnswer},
		// A key in the URL would follow a redirect to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") },
	}
	c, err := rpc.DialOptions(context.Background(), cfg.RPCs[i], rpc.WithHTTPClient(hc))
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint %d cannot be used", ErrConfig, i+1)
	}
	return &endpoint{name: host, rpc: c, timeout: cfg.Timeout}, nil
}

// newTransport is bounded in what it reads before the body.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// limited ends answers that are over the limit with errTooLarge.
type limited struct {
	http.RoundTripper
	max int64
}

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{resp.Body, l.max}
	return resp, nil
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// call asks the endpoint. Errors: *RevertError, errAnswered, ErrAnswer,
// errTooLarge, or that it could not be reached; none holds the URL.
func (e *endpoint) call(ctx context.Context, result any, method string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if err := e.rpc.CallContext(ctx, result, method, args...); err != nil {
		return fmt.Errorf("%s: %s: %w", e.name, method, explained(err))
	}
	return nil
}

// explained takes the URL out of an error and gives it a kind.
func explained(err error) error {
	var (
		answered rpc.Error
		status   rpc.HTTPError
		dial     *url.Error
		syntax   *json.SyntaxError
		kind     *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, errTooLarge):
		return errTooLarge
	case errors.As(err, &answered):
		return refusal(answered)
	case errors.As(err, &status):
		return fmt.Errorf("%w: http status %d", errAnswered, status.StatusCode)
	case errors.As(err, &dial):
		return errors.New(cut(dial.Err.Error()))
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: not JSON-RPC", ErrAnswer)
	}
	return fmt.Errorf("%w: %s", ErrAnswer, cut(err.Error()))
}

// revertCode is what geth and bor answer for a call that reverts.
const revertCode = 3

// refusal tells a call that reverts from an endpoint that does not serve.
func refusal(err rpc.Error) error {
	text := err.Error()
	if err.ErrorCode() != revertCode && !strings.Contains(text, "execution reverted") {
		return fmt.Errorf("%w: code %d: %s", errAnswered, err.ErrorCode(), cut(text))
	}
	reverted := &RevertError{Reason: cut(text)}
	if with, ok := err.(rpc.DataError); ok {
		if s, ok := with.ErrorData().(string); ok && len(s) <= 2*MaxData {
			reverted.Data, _ = hexutil.Decode(s) // not hex: there is only the text
		}
	}
	return reverted
}

// RevertError is a call that the contract refused; it is ErrReverted. Reason
// is an endpoint's text, quoted and cut; Data the contract's ABI encoded error.
type RevertError struct {
	Data   []byte
	Reason string
}

// Error implements error.
func (e *RevertError) Error() string { return ErrReverted.Error() + ": " + e.Reason }

// Is tells that it is ErrReverted.
func (e *RevertError) Is(target error) bool { return target == ErrReverted }

// cut makes a stranger's text fit to be shown.
func cut(s string) string {
	if len(s) > 160 {
		s = s[:160]
	}
	return fmt.Sprintf("%q", s)
}
