package provider

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/store/blob"
)

// fetchRests is how long a fetch rests before it is tried again: an aggregator
// that restarts is gone for seconds, and grants its content anew only when it
// asks for the attempt again.
var fetchRests = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second}

// fetching calls get until it succeeds, fails for a reason that time does not
// heal, or has been tried often enough. What came so far is not fetched again.
func (p *Provider) fetching(ctx context.Context, what, cid string, get func() error) error {
	for _, rest := range fetchRests {
		err := get()
		if err == nil {
			return nil
		}
		if !errors.Is(err, blob.ErrNoSource) || errors.Is(err, blob.ErrBadBlock) {
			return refuse(CodeFetch, "%s %s: %v", what, cid, err)
		}
		p.Log.Debug("fetch again", "what", what, "cid", cid, "in", rest, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
	}
	if err := get(); err != nil {
		return refuse(CodeFetch, "%s %s: %v", what, cid, err)
	}
	return nil
}
