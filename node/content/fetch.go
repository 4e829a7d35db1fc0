package content

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// ErrPrice says that somebody has the content and asks more for it than the
// caller pays. It comes beside blob.ErrNoSource.
var ErrPrice = errors.New("content: dearer than what is paid at most")

// defaultPatience is how long nothing may come before a search is given up;
// a job has others to turn to and waits for jobPatience.
const (
	defaultPatience = 30 * time.Second
	jobPatience     = 5 * time.Second
)

// FetchOptions says from whom a blob may come, and at which price.
type FetchOptions struct {
	Max  uint64            // payload bytes at most; 0 is MaxBring
	From []identity.PubKey // peers that are asked first
	// Anyone lets it come from whoever holds it: peers that are connected,
	// those that they tell of, those in the table.
	Anyone bool
	// MaxPrice is paid at most, in credits per GiB; 0: only what is free.
	MaxPrice uint64
	// Private keeps what came from the public from being given to the public
	// again.
	Private bool
	// Patience ends a search for holders after which nothing came for so long;
	// 0 is 30 s.
	Patience time.Duration
	// Progress is called from one goroutine at a time, never after FetchWith
	// has returned.
	Progress func(blob.Progress)

	inJob bool // the peers of From granted it: they are not asked for prices
}

func (o FetchOptions) withDefaults() FetchOptions {
	if o.Max == 0 {
		o.Max = MaxBring
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	return o
}

// Fetch makes sure that a blob is here: from the store, else from the peers
// named, who granted it, and from anyone who gives it for nothing if one of
// them says that everybody may have it. It never takes more than max payload
// bytes. Several calls for one CID share one transfer.
func (l *Library) Fetch(ctx context.Context, cid string, max uint64, from ...identity.PubKey) (blob.Info, error) {
	return l.FetchWith(ctx, cid, FetchOptions{Max: max, From: from, Patience: jobPatience, inJob: true})
}

// FetchWith makes sure that a blob is here: from the store, else from the peers
// named and, where o says so, from anyone, all at once; holders are looked for
// as long as it runs. All who ask for one CID share one transfer, hear of its
// progress and add to its sources; it ends when the last of them has gone. What
// came from the public is given to the public again.
//
// Errors: those of blob.Store.Fetch; ErrPrice beside blob.ErrNoSource when
// those who have it are too dear.
func (l *Library) FetchWith(ctx context.Context, cid string, o FetchOptions) (blob.Info, error) {
	o = o.withDefaults()
	for {
		if info, err := l.blobs.Stat(cid); err == nil {
			return info, tooBig(info, o.Max)
		}
		t, mine := l.join(cid, o)
		info, err := t.wait(ctx)
		if err == nil {
			return info, tooBig(info, o.Max)
		}
		// The other's transfer may have had a stricter limit or fewer sources:
		// only success is shared, a failure is tried again for us.
		if mine || ctx.Err() != nil || errors.Is(err, errLimit) {
			return blob.Info{}, err
		}
	}
}

// errLimit is inside the error of a waiter whose own limit is lower than what
// turned out to be needed.
var errLimit = fmt.Errorf("%w: more than was asked for", blob.ErrTooBig)

func tooBig(info blob.Info, max uint64) error {
	if info.Size > max {
		return fmt.Errorf("%w: %d bytes, at most %d were announced", blob.ErrTooBig, info.Size, max)
	}
	return nil
}
