package openai

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// asRequests asks line by line, a few at once. Lines that have an outcome
// already are left out.
func (b *batches) asRequests(ctx context.Context, one batch, r *running) error {
	k, _ := kindOf(one.Endpoint)
	res, err := b.open(one.ID)
	if err != nil {
		return err
	}
	defer res.close()
	b.counted(r, res.good, res.bad)
	g, work := errgroup.WithContext(ctx)
	err = eachLine(b.files.path(one.InputFileID), b.cfg.MaxBody, func(number int, raw []byte) error {
		l, bad := parseLine(number, raw)
		if bad != nil {
			return errors.New(bad.Message) // it was good when it was checked
		}
		if res.has(l.CustomID) {
			return nil
		}
		select {
		case b.slots <- struct{}{}:
		case <-work.Done():
			return work.Err()
		}
		g.Go(func() error {
			defer func() { <-b.slots }()
			return b.askLine(work, k, l, res, r)
		})
		return nil
	})
	// A goroutine's error is the reason why the loop ended, so it comes first.
	if werr := g.Wait(); werr != nil {
		return werr
	}
	return err
}

// askLine gets the outcome of one line and writes it down.
func (b *batches) askLine(ctx context.Context, k kind, l line, res *results, r *running) error {
	body, err := b.tryLine(ctx, k, l)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o := answered(l.CustomID, http.StatusOK, body)
	if err != nil {
		if o, err = refused(l.CustomID, oai.AsError(err)); err != nil {
			return err
		}
		b.counted(r, 0, 1)
	} else {
		b.counted(r, 1, 0)
	}
	return res.write(o)
}

// tryLine asks until there is an answer, or an error that stays.
func (b *batches) tryLine(ctx context.Context, k kind, l line) (json.RawMessage, error) {
	q, err := k.read(l.Body)
	if err != nil {
		return nil, err
	}
	req := infer.Request{Model: q.model, Path: k.path, Body: l.Body, Session: q.session, Deterministic: q.deterministic}
	wait := b.cfg.Retry
	for try := 1; ; try++ {
		raw, err := b.once(ctx, req)
		if err == nil {
			raw, _ = q.extras.trim(raw)
			return raw, nil
		}
		if try >= b.cfg.Tries || !passing(err) {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
		wait *= 2
	}
}

func (b *batches) once(ctx context.Context, req infer.Request) ([]byte, error) {
	resp, err := answerOf(ctx, b.infer, req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp, nil, b.cfg.MaxAnswer)
}

// passing says whether an error may be gone at the next try.
func passing(err error) bool {
	s := oai.AsError(err).Status
	return s >= 500 || s == http.StatusTooManyRequests || s == http.StatusRequestTimeout
}
