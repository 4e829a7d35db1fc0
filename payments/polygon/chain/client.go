package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
)

// patience is how old the newest good View may be where the profile sets no lag.
const patience = time.Minute

// Client reads a chain through several endpoints. It is safe for use by many
// goroutines.
type Client struct {
	cfg       Config
	endpoints []*endpoint

	mu   sync.Mutex
	last View
	err  error // of the newest look
	// split is what the endpoints disagreed on, until when it is remembered.
	split      error
	splitUntil time.Time
}

// Dial checks cfg and asks each endpoint for its chain id. One that tells
// another is ErrChainID. One that does not answer is no error here, but asked
// again at every look: View and Last tell.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	c := &Client{cfg: cfg, err: ErrUnreachable}
	for i := range cfg.RPCs {
		e, err := newEndpoint(cfg, i)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.endpoints = append(c.endpoints, e)
	}
	for _, a := range ask(ctx, c.endpoints, c.identify) {
		if errors.Is(a.err, ErrChainID) {
			c.Close()
			return nil, a.err
		}
	}
	return c, nil
}

// Close ends the connections.
func (c *Client) Close() {
	for _, e := range c.endpoints {
		e.rpc.Close()
	}
	if t, ok := c.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Profile is the network's.
func (c *Client) Profile() Profile { return c.cfg.Profile }

// identify asks an endpoint for its chain id until it told it once.
func (c *Client) identify(ctx context.Context, e *endpoint) (struct{}, error) {
	if e.right.Load() {
		return struct{}{}, nil
	}
	var id hexutil.Uint64
	if err := e.call(ctx, &id, "eth_chainId"); err != nil {
		return struct{}{}, err
	}
	if uint64(id) != c.cfg.Profile.ChainID {
		return struct{}{}, fmt.Errorf("%w: %s serves %d, %s is %d", ErrChainID, e.name, uint64(id), c.cfg.Profile.Name, c.cfg.Profile.ChainID)
	}
	e.right.Store(true)
	return struct{}{}, nil
}

// Run looks at the chain every Profile.Poll, for Last, until ctx is done.
func (c *Client) Run(ctx context.Context) error {
	tick := time.NewTicker(c.cfg.Profile.Poll)
	defer tick.Stop()
	told := ""
	for {
		_, err := c.View(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if now := kindOf(err); now != told { // one line a change, not one a look
			told = now
			if err != nil {
				c.cfg.Log.Warn("chain cannot be relied on", "network", c.cfg.Profile.Name, "err", err)
			} else {
				c.cfg.Log.Info("chain can be relied on", "network", c.cfg.Profile.Name)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Last is the newest View without asking anyone, or why there is none to rely
// on: the gate before serving. Endpoints that disagree, on whatever was read,
// close it for a minute; ones that lag or are gone, when the newest good View is
// older than the lag allowed.
func (c *Client) Last() (View, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, allowed := c.cfg.Clock(), c.cfg.Profile.MaxLag
	if allowed == 0 {
		allowed = patience
	}
	switch {
	case now.Before(c.splitUntil):
		return c.last, c.split
	case c.err != nil && (c.last.At.IsZero() || errors.Is(c.err, ErrChainID)):
		return c.last, c.err
	case now.Sub(c.last.At) > allowed:
		return c.last, errors.Join(ErrStale, c.err)
	}
	return c.last, nil
}

// note keeps the outcome of a look.
func (c *Client) note(v View, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err == nil {
		c.last = v
	}
	if errors.Is(err, ErrDisagree) {
		c.splitNow(err)
	}
}

// disagreed keeps that a read had different answers. Heads that agree again at
// the next look do not take it back: the liar may lie on that read only.
func (c *Client) disagreed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.splitNow(err)
}

func (c *Client) splitNow(err error) {
	c.split, c.splitUntil = err, c.cfg.Clock().Add(patience)
}

// kindOf tells errors of different kinds apart.
func kindOf(err error) string {
	for _, kind := range []error{ErrDisagree, ErrChainID, ErrStale, ErrUnreachable} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if err != nil {
		return "other"
	}
	return ""
}

// answer is what one endpoint said.
type answer[T any] struct {
	e     *endpoint
	value T
	err   error
}

// ask asks all at once.
func ask[T any](ctx context.Context, es []*endpoint, fn func(context.Context, *endpoint) (T, error)) []answer[T] {
	out := make([]answer[T], len(es))
	var wg sync.WaitGroup
	for i, e := range es {
		wg.Go(func() {
			v, err := fn(ctx, e)
			out[i] = answer[T]{e, v, err}
		})
	}
	wg.Wait()
	return out
}
