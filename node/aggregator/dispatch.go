package aggregator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

const (
	// unreachableAfter is how long a provider may be gone before its attempt
	// is given to another. A provider that restarts within it goes on.
	unreachableAfter = 12 * time.Second
	// silentAfter is how long a connected provider may say nothing: it
	// promises a sign of life every five seconds.
	silentAfter = 20 * time.Second
	redialEvery = 500 * time.Millisecond
)

// dispatch hands a shard to a provider and follows it to its commit. Broken
// streams are opened again: the provider joins the request to the attempt
// that it is running.
func (d *Driver) dispatch(ctx context.Context, a *actor, j job.Job, e job.Dispatch) (job.Event, error) {
	for _, cid := range []string{j.Image.CID, j.Model.CID, e.Input.CID} {
		d.Content.Grant(cid, e.Provider)
	}
	if err := d.seen(j, j.Shards[e.Shard].Input, operatorOf(j.Shards[e.Shard].Attempts[e.Attempt])); err != nil {
		return nil, err
	}
	at := attempt{a: a, j: j, Dispatch: e, quote: e.Quote}
	lastContact := time.Now()
	for {
		ev, contact, err := d.follow(ctx, &at)
		if err == nil {
			return ev, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if contact || d.cutOff() || at.funded.After(lastContact) {
			lastContact = time.Now() // or it is we who cannot be reached
		}
		wait := redialEvery
		var refused *Refused
		if errors.As(err, &refused) {
			again, err := d.afterRefusal(ctx, &at, refused)
			if err != nil {
				code, fault := reasonOf(refused.Code)
				return at.failed(code, err.Error(), fault), nil
			}
			wait = again
		} else if errors.Is(err, errUnfunded) {
			return at.failed(unfundedCode(err), err.Error(), false), nil
		} else if errors.Is(err, errProtocol) || errors.Is(err, wire.ErrInvalid) {
			d.Penalty(e.Provider, 20, "malformed answer to an accept")
			return at.failed(codeProtocol, err.Error(), true), nil
		}
		if errors.Is(err, p2p.ErrRefused) {
			return at.failed(job.CodeUnreachable, err.Error(), true), nil // by us, for what it did
		}
		if time.Since(lastContact) > unreachableAfter {
			return at.failed(job.CodeUnreachable, fmt.Sprintf("not reached for %v: %v", unreachableAfter, err), true), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// attempt is one dispatch under way.
type attempt struct {
	a *actor
	j job.Job
	job.Dispatch
	quote  wire.ID
	logged bool      // its output is being followed
	funded time.Time // when setting money aside ended, where it took long
}

func (at *attempt) failed(code, text string, fault bool) job.Event {
	at.a.d.unfund(at.j, at.Shard, at.Wire, text)
	return job.AttemptFailed{
		Shard: at.Shard, Attempt: at.Attempt, Code: code, Text: text, Fault: fault, Now: time.Now(),
	}
}

// afterRefusal tells how long to wait before asking again, or returns the
// reason to give up.
func (d *Driver) afterRefusal(ctx context.Context, at *attempt, r *Refused) (time.Duration, error) {
	switch r.Code {
	case "busy", "shutting_down":
		return min(max(time.Duration(r.RetryMS)*time.Millisecond, redialEvery), 5*time.Second), nil
	case "no_quote":
		// The quote ran out before this provider was needed, or it forgot it
		// in a restart. The same offer is made again.
		quote, id, _, err := d.ask(ctx, at.j, at.Provider)
		if err != nil {
			return 0, fmt.Errorf("quote ran out, and again: %w", err)
		}
		price, err := payments.Price(rateOf(quote), at.Input.Units)
		if err != nil || price != at.Amount {
			return 0, fmt.Errorf("quote ran out, and the price is %s now instead of %s", price, at.Amount)
		}
		at.quote = id
		return 0, nil
	}
	return 0, r
}

// reasonOf turns a provider's code into the machine's, and tells whether it
// counts against the provider. A task that fails is not its provider's fault
// until others show that it need not.
func reasonOf(code string) (reason string, fault bool) {
	switch code {
	case "task", "timeout", "result":
		return job.CodeTask, false
	case "busy", "credit", "refused", "shutting_down", "cancelled", "no_quote":
		return job.CodeRefused, false
	}
	return code, true
}

// follow sends the Accept and reads until the commit. contact tells whether
// the provider was heard at all.
func (d *Driver) follow(ctx context.Context, at *attempt) (ev job.Event, contact bool, err error) {
	acc := at.accept()
	if err := d.fund(ctx, at); err != nil {
		return nil, false, err
	}
	signed, err := wire.Seal(d.Key, acc, time.Now())
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errProtocol, err)
	}
	s, done, err := d.open(ctx, at.Provider)
	if err != nil {
		return nil, false, err
	}
	defer done()
	if err := wire.WriteEvent(s, signed); err != nil {
		return nil, false, err
	}
	for {
		if err := s.SetReadDeadline(time.Now().Add(silentAfter)); err != nil {
			return nil, contact, err
		}
		doc, err := readAnswer(s)
		if err != nil {
			var refused *Refused
			return nil, contact || errors.As(err, &refused), err
		}
		contact = true
		switch doc.Kind {
		case wire.KindProgress:
			d.progressed(ctx, at, doc)
		case wire.KindCommit:
			ev, err := d.committed(at, doc)
			return ev, true, err
		default:
			return nil, true, fmt.Errorf("%w: kind %s", errProtocol, doc.Kind)
		}
	}
}

func (at *attempt) accept() wire.Accept {
	r, spec := at.j.Spec.Resources, at.j.Spec
	return wire.Accept{
		Quote: at.quote, Job: at.j.ID, Shard: at.Shard, Attempt: at.Wire,
		Image: at.j.Image.Digest, ImageCID: at.j.Image.CID, ImageBytes: at.j.Image.Bytes,
		ModelCID: at.j.Model.CID, ModelBytes: at.j.Model.Bytes,
		InputCID: at.Input.CID, InputBytes: at.Input.Bytes, Units: at.Input.Units,
		Args: spec.Task.Args, Env: spec.Task.Env, Seed: at.Seed,
		Amount: at.Amount.Value, Unit: string(at.Amount.Unit), Rail: spec.Payment.Rail,
		CPUMillis: r.CPUMillis, MemoryBytes: r.MemoryBytes, DiskBytes: r.DiskBytes, PIDs: r.PIDs, GPUs: r.GPUs,
		TimeoutMS: uint64(at.Timeout.Milliseconds()), Deadline: at.j.Deadline.Unix(),
		Sources: []identity.PubKey{},
	}
}

// progressed passes a sign of life on; from the first on, the task's output is
// followed.
func (d *Driver) progressed(ctx context.Context, at *attempt, doc wire.Event) {
	m, err := wire.Decode[wire.Progress](doc)
	if err != nil || m.Job != at.j.ID || m.Shard != at.Shard || m.Attempt != at.Wire {
		return // a sign of life all the same
	}
	if !at.logged {
		at.logged = true
		at.a.wg.Go(func() { d.followLog(ctx, at) })
	}
	at.a.post(ctx, mail{ev: job.Progressed{Shard: at.Shard, Attempt: at.Attempt, State: m.State, Now: time.Now()}})
}

// committed checks and keeps the commit.
func (d *Driver) committed(at *attempt, doc wire.Event) (job.Event, error) {
	m, err := wire.Decode[wire.Commit](doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	if m.Job != at.j.ID || m.Shard != at.Shard || m.Attempt != at.Wire {
		return nil, fmt.Errorf("%w: a commit for another attempt", errProtocol)
	}
	if m.Aggregator != d.Key.PubKey() {
		return nil, fmt.Errorf("%w: a commit for another aggregator", errProtocol)
	}
	// The first commit stands. Another one for the same attempt would be the
	// provider contradicting itself; the machine sees only the first.
	stands, err := d.keep(at.j.ID, at.Shard, at.Wire, docCommit, doc)
	if err != nil {
		return nil, err
	}
	if stands.ID != doc.ID {
		d.proves(at.Provider, wire.FaultTwoCommits, stands, doc)
		if m, err = wire.Decode[wire.Commit](stands); err != nil {
			return nil, err
		}
	}
	return job.Committed{
		Shard: at.Shard, Attempt: at.Attempt, Event: stands.ID,
		C: m.C, Size: m.Size, Units: m.Units, Now: time.Now(),
	}, nil
}
