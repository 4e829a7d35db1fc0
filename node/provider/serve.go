package provider

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/tasklog"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

type pubKey = identity.PubKey

const (
	stdout = tasklog.Stdout
	stderr = tasklog.Stderr
)

// heartbeat is how often an aggregator that waits for a commit hears of it.
const heartbeat = 5 * time.Second

// ServeJob answers one request of `/infernet/job/1`. The caller has read its
// first document and checked its freshness and that the peer is its author.
func (p *Provider) ServeJob(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	var err error
	switch ev.Kind {
	case wire.KindAccept:
		err = p.serveAccept(ctx, s, ev)
	case wire.KindRevealRequest:
		err = p.serveReveal(s, ev)
	case wire.KindVerdict:
		err = p.serveVerdict(ctx, s, ev)
	case wire.KindCancel:
		err = p.serveCancel(s, ev)
	case wire.KindDisclosure:
		err = p.serveDisclosure(s, ev)
	default:
		err = refuse(CodeMalformed, "kind %d is no request to a provider", ev.Kind)
	}
	if err != nil {
		return p.answerError(s, ev.ID, err)
	}
	return nil
}

// answerError tells the reason and returns the error for the log.
func (p *Provider) answerError(s *p2p.Stream, ref wire.ID, err error) error {
	m := asRefusal(err).message(ref)
	// Where things lie on this machine is nobody's business.
	m.Text = strings.ReplaceAll(m.Text, filepath.Dir(p.cfg.Dir), "HOME")
	signed, serr := wire.Seal(p.Key, m, time.Now())
	if serr != nil {
		return errors.Join(err, serr)
	}
	return errors.Join(err, wire.WriteEvent(s, signed))
}

// serveAccept starts or joins an attempt and reports until it has committed.
func (p *Provider) serveAccept(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	l, err := p.accept(ctx, s.Peer(), ev)
	if err != nil {
		return err
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		rec, changed := l.snapshot()
		switch {
		case rec.Commit != nil:
			return wire.WriteEvent(s, *rec.Commit)
		case rec.Fail != nil:
			return rec.Fail
		}
		if err := p.progress(s, rec); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return refuse(CodeShutdown, "the provider is shutting down")
		}
	}
}

func (p *Provider) progress(s *p2p.Stream, rec record) error {
	m := wire.Progress{Job: rec.ID.Job, Shard: rec.ID.Shard, Attempt: rec.ID.Attempt, State: string(rec.State)}
	said, err := wire.Say(p.Key.PubKey(), m, time.Now())
	if err != nil {
		return err
	}
	return wire.WriteEvent(s, said)
}

// serveReveal opens the commit, but only to one who shows that every commit
// of the shard, ours among them, is in.
func (p *Provider) serveReveal(s *p2p.Stream, ev wire.Event) error {
	req, err := wire.Decode[wire.RevealRequest](ev)
	if err != nil {
		return refuse(CodeMalformed, "%v", err)
	}
	l, err := p.known(attemptID{s.Peer(), req.Job, req.Shard, req.Attempt})
	if err != nil {
		return err
	}
	rec, _ := l.snapshot()
	if rec.Commit == nil || !slices.Contains(req.Commits, rec.Commit.ID) {
		return refuse(CodeEarlyReveal, "this attempt has not committed, or its commit is not in the list")
	}
	if rec.Reveal == nil {
		if err := p.reveal(l, rec, ev); err != nil {
			return err
		}
		rec, _ = l.snapshot()
	}
	p.Content.Grant(rec.Root, rec.ID.Aggregator)
	return wire.WriteEvent(s, *rec.Reveal)
}

// reveal signs and stores the reveal once; asking again gets the same bytes.
func (p *Provider) reveal(l *live, rec record, asked wire.Event) error {
	m := wire.Reveal{
		Job: rec.ID.Job, Shard: rec.ID.Shard, Attempt: rec.ID.Attempt,
		Commit: rec.Commit.ID, Root: rec.Root, Size: rec.Size, Nonce: rec.Nonce,
	}
	signed, err := wire.Seal(p.Key, m, time.Now())
	if err != nil {
		return err
	}
	acc, err := rec.accept()
	if err != nil {
		return err
	}
	return l.change(p.Store, func(r *record) error {
		if r.Reveal == nil {
			r.Asked, r.Reveal = &asked, &signed
		}
		if r.State == Committed {
			r.State = Revealed
		}
		return nil
	}, func(tx store.Txn) error { return tx.Set(dueKey(acc.Deadline, rec.ID), nil) })
}

// serveCancel stops an attempt, or all of a job's when the shard is -1.
func (p *Provider) serveCancel(s *p2p.Stream, ev wire.Event) error {
	c, err := wire.Decode[wire.Cancel](ev)
	if err != nil {
		return refuse(CodeMalformed, "%v", err)
	}
	p.mu.Lock()
	var hit []*live
	for id, l := range p.attempts {
		if id.Aggregator == s.Peer() && id.Job == c.Job &&
			(c.Shard < 0 || int64(id.Shard) == c.Shard) && (c.Attempt < 0 || int64(id.Attempt) == c.Attempt) {
			hit = append(hit, l)
		}
	}
	p.mu.Unlock()
	reason := refuse(CodeCancelled, "cancelled by the aggregator: %q", cut(c.Reason, 100))
	for _, l := range hit {
		rec, _ := l.snapshot()
		if rec.State != Running {
			// It waits for a slot, or for a verdict that will not come: what
			// was expected for it no longer counts against the payer's credit.
			p.fail(l, reason)
		}
		l.mu.Lock()
		stop := l.stop
		l.mu.Unlock()
		stop(reason)
	}
	return nil
}

// ServeLog streams an attempt's output, from its beginning, to its aggregator.
func (p *Provider) ServeLog(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	req, err := wire.Decode[wire.Progress](ev)
	if err != nil {
		return err
	}
	l, err := p.known(attemptID{s.Peer(), req.Job, req.Shard, req.Attempt})
	if err != nil {
		return err
	}
	for next := 0; ; {
		chunks, open, changed := l.logs.from(next)
		for _, c := range chunks {
			if err := tasklog.Write(s, c); err != nil {
				return err
			}
		}
		next += len(chunks)
		if !open {
			return nil
		}
		if len(chunks) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// known finds an attempt or says that there is none of that name for this peer.
func (p *Provider) known(id attemptID) (*live, error) {
	l, err := p.find(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(CodeUnknown, "no such attempt here")
	}
	return l, err
}
