package aggregator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store/blob"
)

// revealFor is how long a provider has to open its commit, and fetchFor how
// long its result may take, before the shard is given to another.
const (
	revealFor = 30 * time.Second
	fetchFor  = 2 * time.Minute
)

func failed(shard, attempt uint32, code, text string) job.Event {
	return job.AttemptFailed{Shard: shard, Attempt: attempt, Code: code, Text: text, Fault: true, Now: time.Now()}
}

// requestReveal asks a provider to open its commit and takes its reveal.
// Whether the reveal opens the commit is for the machine to say.
func (d *Driver) requestReveal(ctx context.Context, j job.Job, e job.RequestReveal) (job.Event, error) {
	var last error
	for until := time.Now().Add(revealFor); time.Now().Before(until); {
		if d.cutOff() {
			until = time.Now().Add(revealFor)
		}
		doc, err := d.askReveal(ctx, j, e)
		if err == nil {
			return d.revealed(j, e, doc)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		last = err
		var refused *Refused
		if errors.As(err, &refused) || errors.Is(err, errProtocol) || errors.Is(err, p2p.ErrRefused) {
			break // it will not be otherwise within that time
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(redialEvery):
		}
	}
	return failed(e.Shard, e.Attempt, job.CodeNoReveal, fmt.Sprintf("no reveal: %v", last)), nil
}

func (d *Driver) askReveal(ctx context.Context, j job.Job, e job.RequestReveal) (wire.Event, error) {
	req := wire.RevealRequest{Job: j.ID, Shard: e.Shard, Attempt: e.Wire, Commits: shown(j, e)}
	signed, err := wire.Seal(d.Key, req, time.Now())
	if err != nil {
		return wire.Event{}, fmt.Errorf("%w: %w", errProtocol, err)
	}
	ctx, cancel := context.WithTimeout(ctx, revealFor)
	defer cancel()
	s, done, err := d.open(ctx, e.Provider)
	if err != nil {
		return wire.Event{}, err
	}
	defer done()
	return exchange(s, signed)
}

// shown are the commits that a provider sees: of a quorum its own, and as many
// others of its round as a request holds. Where a lottery or a known answer decides
// what is checked, it sees its own alone: how many there are would tell it whether
// it is checked, before it has shown its result.
func shown(j job.Job, e job.RequestReveal) []wire.ID {
	own := j.Shards[e.Shard].Attempts[e.Attempt].Commit.Event
	if j.Spec.Verify.Mode != job.VerifyQuorum {
		return []wire.ID{own}
	}
	if len(e.Commits) <= wire.MaxReplicas {
		return e.Commits
	}
	others := slices.DeleteFunc(slices.Clone(e.Commits), func(id wire.ID) bool { return id == own })
	return append([]wire.ID{own}, others[:wire.MaxReplicas-1]...)
}

func (d *Driver) revealed(j job.Job, e job.RequestReveal, doc wire.Event) (job.Event, error) {
	m, err := wire.Decode[wire.Reveal](doc)
	if err != nil || m.Job != j.ID || m.Shard != e.Shard || m.Attempt != e.Wire {
		d.Penalty(e.Provider, 20, "malformed reveal")
		return failed(e.Shard, e.Attempt, codeProtocol, "the reveal is malformed or for another attempt"), nil
	}
	stands, err := d.keep(j.ID, e.Shard, e.Wire, docReveal, doc)
	if err != nil {
		return nil, err
	}
	if m, err = wire.Decode[wire.Reveal](stands); err != nil {
		return nil, err
	}
	if !opens(j.Shards[e.Shard].Attempts[e.Attempt].Commit, m, e.Provider) {
		if commit, err := d.document(j.ID, e.Shard, e.Wire, docCommit); err == nil && commit.ID == m.Commit {
			d.proves(e.Provider, wire.FaultFalseReveal, commit, stands)
		}
	}
	return job.Revealed{
		Shard: e.Shard, Attempt: e.Attempt, Event: stands.ID,
		Root: m.Root, Size: m.Size, Nonce: m.Nonce, Now: time.Now(),
	}, nil
}

// opens tells whether a reveal opens the commit that the job holds. Nearly all do,
// and then the documents need not be read and verified to prove that none is false.
func opens(c job.Commit, m wire.Reveal, provider identity.PubKey) bool {
	return m.Commit == c.Event && m.Opens(wire.Commit{Job: m.Job, Shard: m.Shard, Attempt: m.Attempt, C: c.C, Size: c.Size}, provider) == nil
}

// fetch brings a revealed result here, verified, and measures it. Time that
// passes while this node is cut off does not count.
func (d *Driver) fetch(ctx context.Context, _ job.Job, e job.Fetch) (job.Event, error) {
	for {
		ev, late, err := d.fetchWithin(ctx, e)
		if !late || !d.cutOff() {
			return ev, err
		}
	}
}

// fetchWithin tries for as long as a result may take; late tells that time ran
// out.
func (d *Driver) fetchWithin(ctx context.Context, e job.Fetch) (ev job.Event, late bool, err error) {
	fctx, cancel := context.WithTimeout(ctx, fetchFor)
	defer cancel()
	for {
		info, err := d.Content.Fetch(fctx, e.Root, e.Size, e.Provider)
		switch {
		case err == nil:
			return job.Fetched{Shard: e.Shard, Attempt: e.Attempt, Root: e.Root, Size: info.Size, Now: time.Now()}, false, nil
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		case errors.Is(err, blob.ErrNoSpace):
			return nil, false, err // our disk, not the provider's fault
		case errors.Is(err, p2p.ErrRefused):
			return failed(e.Shard, e.Attempt, job.CodeNotFetched, err.Error()), false, nil
		case errors.Is(err, blob.ErrTooBig):
			return failed(e.Shard, e.Attempt, job.CodeWrongSize, err.Error()), false, nil
		case errors.Is(err, blob.ErrBadBlock):
			d.Penalty(e.Provider, 50, "bad block in a result")
			return failed(e.Shard, e.Attempt, job.CodeNotFetched, err.Error()), false, nil
		case fctx.Err() != nil:
			return failed(e.Shard, e.Attempt, job.CodeNotFetched, "the result did not arrive in time: "+err.Error()), true, nil
		}
		select {
		case <-fctx.Done():
		case <-time.After(redialEvery):
		}
	}
}

// abort tells a provider to stop. It is a courtesy: whether it was heard does
// not matter, since an attempt that is not wanted is not paid.
func (d *Driver) abort(ctx context.Context, j job.Job, e job.Abort) (job.Event, error) {
	actx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	msg := wire.Cancel{Job: j.ID, Shard: int64(e.Shard), Attempt: int64(e.Wire), Reason: e.Reason.Code}
	if signed, err := wire.Seal(d.Key, msg, time.Now()); err == nil {
		if s, done, err := d.open(actx, e.Provider); err == nil {
			_ = wire.WriteEvent(s, signed)
			done()
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	d.unfund(j, e.Shard, e.Wire, e.Reason.Code)
	return job.Acked{Key: e.Key(), Now: time.Now()}, nil
}
