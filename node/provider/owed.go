package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// A result that was revealed is to be paid, or called wrong, by the end of its
// job. Whoever does neither owes: after a while of grace this provider issues a
// receipt that says so, and gives that client no new quote until the payment
// has come. What is expected of it stays expected on the rail.

const (
	// unpaidGrace is how long after a job's deadline a payment may still come:
	// an aggregator that was away tries again when it is back.
	unpaidGrace = 15 * time.Minute
	sweepEvery  = time.Minute
	maxSweep    = 256 // attempts looked at in one sweep
)

// dueKey orders revealed attempts by when they are to be settled.
func dueKey(deadline int64, id attemptID) []byte {
	return fmt.Appendf(nil, "due/%016x/%s", deadline, id.key())
}

// owedKey is of an attempt that was not paid in time.
func owedKey(id attemptID) []byte { return fmt.Appendf(nil, "%s%s", owedBy(id.Aggregator), id.key()) }

func owedBy(client identity.PubKey) string { return "owed/" + client.Hex() + "/" }

// sweep looks every now and then for what was not paid.
func (p *Provider) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := p.collectOwed(ctx, time.Now()); err != nil {
			p.Log.Error("look for unpaid work", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// collectOwed issues a receipt for each attempt that is due and unpaid.
func (p *Provider) collectOwed(ctx context.Context, now time.Time) error {
	due, err := p.dueBy(now.Add(-p.cfg.unpaidGrace()).Unix())
	if err != nil {
		return err
	}
	for _, d := range due {
		if err := p.collect(ctx, d, now); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) unpaidGrace() time.Duration {
	if c.UnpaidGrace > 0 {
		return c.UnpaidGrace
	}
	return unpaidGrace
}

// dueAttempt is a line of the index.
type dueAttempt struct{ key, record string }

var errEnough = errors.New("provider: enough for now")

// dueBy lists attempts whose deadline is past that time, the oldest first.
func (p *Provider) dueBy(unix int64) (due []dueAttempt, err error) {
	last := fmt.Sprintf("due/%016x", max(unix, 0))
	err = p.Store.View(func(r store.Reader) error {
		due = nil
		return r.Scan([]byte("due/"), func(key, _ []byte) error {
			k := string(key)
			if k > last || len(due) == maxSweep {
				return errEnough
			}
			_, record, _ := strings.Cut(strings.TrimPrefix(k, "due/"), "/")
			due = append(due, dueAttempt{k, record})
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return due, err
}

// collect settles what is to become of one attempt that is due.
func (p *Provider) collect(ctx context.Context, d dueAttempt, now time.Time) error {
	rec, err := recordAt(p.Store, d.record)
	if errors.Is(err, store.ErrNotFound) {
		return p.notDue(d)
	} else if err != nil {
		return err
	}
	if rec.State != Revealed {
		return p.notDue(d)
	}
	if p.paid(ctx, rec) {
		return p.notDue(d) // paid, and the receipt got lost
	}
	l, err := p.find(rec.ID)
	if err != nil {
		return err
	}
	if err := p.issueUnpaid(rec, now); err != nil {
		return err
	}
	err = l.change(p.Store, func(r *record) error {
		if r.State == Revealed {
			r.State, r.Fail = Failed, refuse(CodeUnpaid, "neither paid nor called wrong by its aggregator")
		}
		return nil
	}, func(tx store.Txn) error {
		return errors.Join(tx.Delete([]byte(d.key)), tx.Set(owedKey(rec.ID), nil))
	})
	if err == nil {
		p.Log.Warn("not paid for work", "aggregator", rec.ID.Aggregator.Short(), "job", rec.ID.Job, "shard", rec.ID.Shard)
	}
	return err
}

func (p *Provider) notDue(d dueAttempt) error {
	return p.Store.Update(func(tx store.Txn) error { return tx.Delete([]byte(d.key)) })
}

// issueUnpaid signs the receipt that tells of it. There is one of an attempt,
// however often this runs.
func (p *Provider) issueUnpaid(rec record, now time.Time) error {
	acc, err := rec.accept()
	if err != nil {
		return err
	}
	_, err = p.Ledger.Issue(p.Key, wire.Receipt{
		Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt,
		Provider: p.Key.PubKey(), Payer: rec.ID.Aggregator,
		Image: acc.Image, ModelCID: acc.ModelCID, Class: p.Class(acc.Image),
		Units: acc.Units, Unit: acc.Unit, Rail: acc.Rail,
		Verdict: wire.VerdictUnpaid, Label: wire.LabelClaimed, Blame: wire.BlameClient,
		Root: rec.Root, Commit: rec.Commit.ID, Reveal: rec.Reveal.ID,
		StartedMS: rec.StartedMS, EndedMS: max(rec.EndedMS, rec.StartedMS),
	}, now)
	return err
}

// owes counts the attempts that a client has not paid, and those that it paid
// afterwards but whose receipts never came: the ledger still takes them for
// unpaid. It reads as many as it must at a time, and stops at the first few that
// are open: how many there are beyond is of no use.
func (p *Provider) owes(ctx context.Context, client identity.PubKey) (open, forgiven int, err error) {
	for after := owedBy(client); open < maxOpen; {
		page, last, err := p.owedRecords(client, after)
		if err != nil || last == "" {
			return open, forgiven, err
		}
		after = last
		for _, rec := range page {
			if rec.State == Settled {
				err := p.Store.Update(func(tx store.Txn) error { return tx.Delete(owedKey(rec.ID)) })
				if err != nil {
					return open, forgiven, err
				}
				continue
			}
			if p.paid(ctx, rec) {
				forgiven++
			} else {
				open++
			}
		}
	}
	return open, forgiven, nil
}

// maxOpen is how many unpaid attempts of a client are counted.
const maxOpen = 256

// owedRecords are the attempts that a client did not pay in time, those behind a
// key and some at a time. last is the key to go on behind; "" when that was all.
func (p *Provider) owedRecords(client identity.PubKey, after string) (out []record, last string, err error) {
	prefix := owedBy(client)
	n := 0
	err = p.Store.View(func(r store.Reader) error {
		out, last, n = nil, "", 0
		return r.ScanFrom([]byte(prefix), []byte(after+"\x00"), func(key, _ []byte) error {
			if n == maxSweep {
				return errEnough
			}
			n, last = n+1, string(key)
			rec, err := recordIn(r, strings.TrimPrefix(string(key), prefix))
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err == nil {
				out = append(out, rec)
			}
			return err
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, last, err
}
