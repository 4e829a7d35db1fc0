package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Client speaks to the node of one home. It is safe for concurrent use.
type Client struct {
	file File
	http *http.Client
}

// Dial reads the api.json of a home and returns a client for the node there.
// It does not connect. Errors are those of ReadFile.
func Dial(home string) (*Client, error) {
	f, err := ReadFile(home)
	if err != nil {
		return nil, err
	}
	// A stale or edited file must not make us send the token to another machine.
	if !loopbackAddr(f.Addr) {
		return nil, fmt.Errorf("%w: api.json names %q, which is not on loopback", ErrNotRunning, cut(f.Addr))
	}
	return &Client{file: f, http: &http.Client{Transport: &http.Transport{
		// No proxy, ever: the token is for this machine only.
		Proxy:               nil,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     30 * time.Second,
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Addr is the host:port of the node's API.
func (c *Client) Addr() string { return c.file.Addr }

// Token is the bearer token; a secret.
func (c *Client) Token() string { return c.file.Token }

// PID is the process id that the node wrote down.
func (c *Client) PID() int { return c.file.PID }

// get asks without a body.
func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// post asks with a JSON body.
func (c *Client) post(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.call(ctx, http.MethodPost, path, raw, into)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, into any) error {
	resp, err := c.do(ctx, method, path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the node's answer: %w", err)
	}
	return nil
}

// do sends one request and turns anything but a 2xx answer into an error.
func (c *Client) do(ctx context.Context, method, path, ctype string, body io.Reader) (*http.Response, error) {
	return c.doAccept(ctx, method, path, ctype, "application/json", body)
}

// doAccept is do for callers that want another kind of answer than JSON.
func (c *Client) doAccept(ctx context.Context, method, path, ctype, accept string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.file.Addr+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.file.Token)
	req.Header.Set("Content-Type", ctype)
	req.Header.Set("Accept", accept)
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if refused(err) {
			return nil, fmt.Errorf("%w: nothing listens on %s", ErrNotRunning, c.file.Addr)
		}
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer drain(resp.Body)
	return nil, decodeError(resp)
}

// refused says whether nobody listens at the address any more.
func refused(err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	// Windows has an error number of its own for it.
	return strings.Contains(err.Error(), "actively refused")
}

// decodeError reads {"error":…}; another server's answer is told as such.
func decodeError(resp *http.Response) error {
	var b errorBody
	err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&b)
	if err != nil || b.Error == nil || b.Error.Code == "" {
		return Errorf(CodeInternal, "is another program listening on the node's port?", "unexpected answer from %s: %s", resp.Request.URL.Host, resp.Status)
	}
	return b.Error
}
