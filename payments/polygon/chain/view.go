package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Block names one block. BaseFee is in wei a gas (EIP-1559).
type Block struct {
	Number  uint64      `json:"number"`
	Hash    common.Hash `json:"hash"`
	Parent  common.Hash `json:"parent"`
	Time    time.Time   `json:"time"`
	BaseFee uint64      `json:"base_fee"`
}

// View is what the endpoints say of the chain together.
type View struct {
	// Head is the oldest head and Final the oldest final block among the
	// endpoints that answer well: all of them have both.
	Head, Final Block
	// At is when they were asked.
	At        time.Time
	Endpoints []Endpoint

	good []*endpoint
}

// Endpoint is how one endpoint does; Name is its host, Err why it is not
// counted.
type Endpoint struct {
	Name        string
	Head, Final uint64
	Lag         time.Duration
	Err         error
}

// heads is what one endpoint says of the chain's end.
type heads struct{ head, final Block }

// View asks all endpoints now. With an error the View still tells of each.
// Errors: ErrUnreachable, ErrStale, ErrDisagree, ErrChainID.
func (c *Client) View(ctx context.Context) (View, error) {
	v, err := c.look(ctx)
	if ctx.Err() == nil { // a caller that gave up learned nothing of the endpoints
		c.note(v, err)
	}
	return v, err
}

func (c *Client) look(ctx context.Context) (View, error) {
	v := View{At: c.cfg.Clock()}
	answers := ask(ctx, c.endpoints, c.heads)
	var wrong error
	good := answers[:0:0]
	for _, a := range answers {
		told := Endpoint{Name: a.e.name, Head: a.value.head.Number, Final: a.value.final.Number, Err: a.err}
		if a.err == nil {
			told.Lag = v.At.Sub(a.value.head.Time)
		}
		v.Endpoints = append(v.Endpoints, told)
		switch {
		case a.err == nil:
			good = append(good, a)
			v.good = append(v.good, a.e)
		case wrong == nil || errors.Is(a.err, ErrStale) || errors.Is(a.err, ErrChainID):
			wrong = a.err
		}
	}
	if errors.Is(wrong, ErrChainID) {
		return v, wrong
	}
	if len(good) < c.cfg.Quorum {
		if !errors.Is(wrong, ErrStale) {
			wrong = fmt.Errorf("%w: %d of %d, %d needed: %w", ErrUnreachable, len(good), len(answers), c.cfg.Quorum, wrong)
		}
		return v, wrong
	}
	older := func(of func(heads) Block) Block {
		return of(slices.MinFunc(good, func(a, b answer[heads]) int {
			return cmp.Compare(of(a.value).Number, of(b.value).Number)
		}).value)
	}
	v.Head = older(func(h heads) Block { return h.head })
	v.Final = older(func(h heads) Block { return h.final })
	return v, c.sameFinal(ctx, v, good)
}

// sameFinal checks that all have the same block at the height of the oldest
// final one.
func (c *Client) sameFinal(ctx context.Context, v View, good []answer[heads]) error {
	asked := map[*endpoint]Block{}
	for _, a := range good {
		asked[a.e] = a.value.final
	}
	for _, a := range ask(ctx, v.good, func(ctx context.Context, e *endpoint) (Block, error) {
		if b := asked[e]; b.Number == v.Final.Number {
			return b, nil
		}
		return e.block(ctx, hexutil.Uint64(v.Final.Number))
	}) {
		if a.err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, a.err)
		}
		if a.value.Hash != v.Final.Hash {
			return fmt.Errorf("%w: final block %d is %s at %s, %s elsewhere", ErrDisagree, v.Final.Number, a.value.Hash, a.e.name, v.Final.Hash)
		}
	}
	return nil
}

// heads asks one endpoint for its newest and its final block.
func (c *Client) heads(ctx context.Context, e *endpoint) (h heads, err error) {
	if _, err = c.identify(ctx, e); err != nil {
		return h, err
	}
	if h.head, err = e.block(ctx, "latest"); err != nil {
		return h, err
	}
	if p := c.cfg.Profile; p.Depth == 0 {
		h.final, err = e.block(ctx, "finalized")
	} else {
		h.final, err = e.block(ctx, hexutil.Uint64(h.head.Number-min(p.Depth, h.head.Number)))
	}
	if err != nil {
		return h, err
	}
	if h.final.Number > h.head.Number {
		// Two servers behind one name; the older is what both have.
		h.head = h.final
	}
	return h, c.recent(e, h)
}

// recent returns ErrStale for an endpoint whose blocks are old, or from a time
// to come. An old final block counts too: reading there is reading the past.
func (c *Client) recent(e *endpoint, h heads) error {
	lag := c.cfg.Profile.MaxLag
	if lag == 0 {
		return nil
	}
	now := c.cfg.Clock()
	switch {
	case now.Sub(h.head.Time) > lag:
		return fmt.Errorf("%w: the newest block of %s is %s old", ErrStale, e.name, now.Sub(h.head.Time).Round(time.Second))
	case h.head.Time.Sub(now) > lag:
		return fmt.Errorf("%w: the newest block of %s is %s ahead of the clock", ErrStale, e.name, h.head.Time.Sub(now).Round(time.Second))
	case now.Sub(h.final.Time) > 2*lag:
		return fmt.Errorf("%w: the final block of %s is %s old", ErrStale, e.name, now.Sub(h.final.Time).Round(time.Second))
	}
	return nil
}

// rawBlock is what is read of a block.
type rawBlock struct {
	Number  *hexutil.Uint64 `json:"number"`
	Hash    *common.Hash    `json:"hash"`
	Parent  *common.Hash    `json:"parentHash"`
	Time    *hexutil.Uint64 `json:"timestamp"`
	BaseFee *hexutil.Uint64 `json:"baseFeePerGas"`
}

// block asks for a block by tag or number.
func (e *endpoint) block(ctx context.Context, at any) (Block, error) {
	var raw *rawBlock
	if err := e.call(ctx, &raw, "eth_getBlockByNumber", at, false); err != nil {
		return Block{}, err
	}
	if raw == nil {
		return Block{}, fmt.Errorf("%s: %w: no block %v", e.name, errAnswered, at)
	}
	if raw.Number == nil || raw.Hash == nil || raw.Parent == nil || raw.Time == nil || *raw.Time > math.MaxInt32*64 {
		return Block{}, fmt.Errorf("%s: %w: half a block", e.name, ErrAnswer)
	}
	if n, ok := at.(hexutil.Uint64); ok && n != *raw.Number {
		return Block{}, fmt.Errorf("%s: %w: block %d for %d", e.name, ErrAnswer, *raw.Number, n)
	}
	b := Block{Number: uint64(*raw.Number), Hash: *raw.Hash, Parent: *raw.Parent, Time: time.Unix(int64(*raw.Time), 0)}
	if raw.BaseFee != nil {
		b.BaseFee = uint64(*raw.BaseFee)
	}
	return b, nil
}
