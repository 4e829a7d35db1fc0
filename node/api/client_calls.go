package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Status asks how the node is.
func (c *Client) Status(ctx context.Context) (out Status, err error) {
	return out, c.get(ctx, "/api/status", &out)
}

// Peers lists the connected nodes.
func (c *Client) Peers(ctx context.Context) (out []Peer, err error) {
	return out, c.get(ctx, "/api/peers", &out)
}

// Stop asks the node to shut down cleanly; it does not wait for the end.
func (c *Client) Stop(ctx context.Context) error {
	return c.post(ctx, "/api/stop", struct{}{}, nil)
}

// Leases lists what this node holds with providers that serve models.
func (c *Client) Leases(ctx context.Context) (out []Lease, err error) {
	return out, c.get(ctx, "/api/leases", &out)
}

// LeaseReceipts lists the receipts of a lease.
func (c *Client) LeaseReceipts(ctx context.Context, id string) (out []Receipt, err error) {
	return out, c.get(ctx, "/api/leases/"+url.PathEscape(id)+"/receipts", &out)
}

// LeaseEvidence returns what was found about the provider of a lease.
func (c *Client) LeaseEvidence(ctx context.Context, id string) (out LeaseEvidence, err error) {
	return out, c.get(ctx, "/api/leases/"+url.PathEscape(id)+"/evidence", &out)
}

// Audits tells what the replays of answers came to since the node's start.
func (c *Client) Audits(ctx context.Context) (out Audits, err error) {
	return out, c.get(ctx, "/api/audits", &out)
}

// RotateToken makes the node take a new token and forget the old one. This
// client goes on with the old one, so it is of no use any more.
func (c *Client) RotateToken(ctx context.Context) (out File, err error) {
	return out, c.post(ctx, "/api/token/rotate", struct{}{}, &out)
}

// Submit hands a job to the node.
func (c *Client) Submit(ctx context.Context, req SubmitRequest) (out Job, err error) {
	return out, c.post(ctx, "/api/jobs", req, &out)
}

// Jobs lists all jobs, newest first.
func (c *Client) Jobs(ctx context.Context) (out []Job, err error) {
	return out, c.get(ctx, "/api/jobs", &out)
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (out Job, err error) {
	return out, c.get(ctx, jobPath(id, ""), &out)
}

// Cancel asks for the end of a job.
func (c *Client) Cancel(ctx context.Context, id, reason string) (out Job, err error) {
	return out, c.post(ctx, jobPath(id, "/cancel"), CancelRequest{Reason: reason}, &out)
}

// Explain tells why a job waits or ended as it did.
func (c *Client) Explain(ctx context.Context, id string) (out Explanation, err error) {
	return out, c.get(ctx, jobPath(id, "/explain"), &out)
}

// Export copies a job's result to an absolute path on this machine.
func (c *Client) Export(ctx context.Context, id, dest string) (out JobResult, err error) {
	return out, c.post(ctx, jobPath(id, "/results"), ResultsRequest{Dest: dest}, &out)
}

// Receipts returns the signed receipts of a job.
func (c *Client) Receipts(ctx context.Context, id string) (out []Receipt, err error) {
	return out, c.get(ctx, jobPath(id, "/receipts"), &out)
}

// Events calls fn for each event of a job but pings. It returns nil after
// EventEnd, or when q.Follow is not set and all was sent; ErrStreamCut when
// the node went away before; fn's error as soon as there is one.
func (c *Client) Events(ctx context.Context, id string, q EventQuery, fn func(Event) error) error {
	v := url.Values{}
	v.Set("after", strconv.FormatUint(q.After, 10))
	v.Set("follow", strconv.FormatBool(q.Follow))
	v.Set("logs", strconv.FormatBool(q.Logs))
	resp, err := c.do(ctx, http.MethodGet, jobPath(id, "/events")+"?"+v.Encode(), "application/json", nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	dec := json.NewDecoder(resp.Body)
	for {
		var ev Event
		if err := dec.Decode(&ev); err != nil {
			return streamEnd(ctx, q, err)
		}
		if ev.Type == EventPing {
			continue
		}
		if err := fn(ev); err != nil {
			return err
		}
		if ev.Type == EventEnd {
			return nil
		}
	}
}

// streamEnd tells an end that was due from one that was not.
func streamEnd(ctx context.Context, q EventQuery, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF) && !q.Follow:
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStreamCut, err)
}

// Wait follows a job to its end and returns the final document.
func (c *Client) Wait(ctx context.Context, id string, q EventQuery, fn func(Event) error) (Job, error) {
	q.Follow = true
	var final *Job
	err := c.Events(ctx, id, q, func(ev Event) error {
		if ev.Type == EventEnd {
			final = ev.Job
		}
		if fn == nil {
			return nil
		}
		return fn(ev)
	})
	if err != nil {
		return Job{}, err
	}
	if final != nil {
		return *final, nil
	}
	return c.Job(ctx, id)
}

// Providers looks at the market.
func (c *Client) Providers(ctx context.Context, q ProviderQuery) (out ProviderList, err error) {
	v := url.Values{"key": q.Keys}
	v.Set("quotes", strconv.FormatBool(q.Quotes))
	if q.Max > 0 {
		v.Set("max", strconv.Itoa(q.Max))
	}
	for name, text := range map[string]string{"model": q.Model, "gpu": q.GPU, "max_price_in": q.MaxPriceIn, "max_price_out": q.MaxPriceOut} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.MinReputation > 0 {
		v.Set("min_reputation", strconv.FormatFloat(q.MinReputation, 'g', -1, 64))
	}
	return out, c.get(ctx, "/api/providers?"+v.Encode(), &out)
}

// Reputation tells what this node's receipts say of another.
func (c *Client) Reputation(ctx context.Context, npub string) (out Reputation, err error) {
	return out, c.get(ctx, "/api/reputation/"+url.PathEscape(npub), &out)
}

func jobPath(id, rest string) string { return "/api/jobs/" + url.PathEscape(id) + rest }

func kindPath(kind ContentKind, rest string) string { return "/api/" + string(kind) + rest }
