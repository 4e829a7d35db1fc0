package account

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Debt is one direction of the account with a peer, as both sides signed it.
// Total-Settled is what is owed. On a rail that nets, Settled is what cancels
// out with the other direction.
type Debt struct {
	Peer    identity.PubKey
	Channel string    // of the notes
	Seq     uint64    // last note that was countersigned or refused
	Total   uint64    // of all notes countersigned
	Settled uint64    // of Total, made good
	Root    wire.ID   // SHA-256(root before || id of the note) over all notes countersigned; zero before the first
	Since   time.Time // when the oldest unsettled part was noted; zero when nothing is
	Limit   uint64    // how far Total-Settled may come: the peer's limit, or of ours to it our ceiling
}

// Owing is what we owe the peer.
func (r *Rail) Owing(_ context.Context, peer identity.PubKey) (d Debt, err error) {
	err = r.s.View(func(tx store.Reader) error {
		a, _, err := load(tx, peer)
		d = r.owing(peer, a)
		return err
	})
	return d, err
}

// Owed is what the peer owes us.
func (r *Rail) Owed(_ context.Context, peer identity.PubKey) (d Debt, err error) {
	err = r.s.View(func(tx store.Reader) error {
		d, err = r.OwedIn(tx, peer)
		return err
	})
	return d, err
}

// OwedIn is Owed in the caller's transaction.
func (r *Rail) OwedIn(tx store.Reader, peer identity.PubKey) (Debt, error) {
	a, _, err := load(tx, peer)
	return r.owed(peer, a), err
}

// HasPaid reports whether the peer ever made anything good of what it noted, or
// paid under a lock.
func (r *Rail) HasPaid(tx store.Reader, peer identity.PubKey) (bool, error) {
	a, _, err := load(tx, peer)
	settled, _ := a.settled(r.cfg.Net)
	return settled > 0 || a.Got.Secured > 0, err
}

// OwingIn is Owing in the caller's transaction.
func (r *Rail) OwingIn(tx store.Reader, peer identity.PubKey) (Debt, error) {
	a, _, err := load(tx, peer)
	return r.owing(peer, a), err
}

// OwedAt is Owed as it was after note seq: a question about one note may cross
// the next on its way. Only the last few are known; of others it returns
// ErrPassed, and of those to come too.
func (r *Rail) OwedAt(tx store.Reader, peer identity.PubKey, seq uint64) (Debt, error) {
	a, _, err := load(tx, peer)
	if err != nil {
		return Debt{}, err
	}
	d := r.owed(peer, a)
	for _, p := range a.Got.Recent {
		if p.Seq == seq {
			d.Seq, d.Total, d.Root = p.Seq, p.Total, p.Root
			d.Settled = min(d.Settled, d.Total)
			return d, nil
		}
	}
	return Debt{}, fmt.Errorf("note %d of %s, we are at %d: %w", seq, peer.Short(), a.Got.Seq, ErrPassed)
}

// Debts returns both directions with every peer.
func (r *Rail) Debts(context.Context) (owing, owed []Debt, err error) {
	err = r.s.View(func(tx store.Reader) error {
		owing, owed = nil, nil
		return eachAccount(tx, func(peer identity.PubKey, a account) error {
			owing, owed = append(owing, r.owing(peer, a)), append(owed, r.owed(peer, a))
			return nil
		})
	})
	return owing, owed, err
}

func (r *Rail) owing(peer identity.PubKey, a account) Debt {
	_, settled := a.settled(r.cfg.Net)
	return Debt{
		Peer: peer, Channel: r.channel(r.key.PubKey(), peer), Seq: a.Paid.Seq, Total: a.Paid.Total, Settled: settled,
		Root: a.Paid.Root, Since: a.Paid.since(a.Paid.Total, settled), Limit: r.cfg.Ceiling,
	}
}

func (r *Rail) owed(peer identity.PubKey, a account) Debt {
	settled, _ := a.settled(r.cfg.Net)
	return Debt{
		Peer: peer, Channel: r.channel(peer, r.key.PubKey()), Seq: a.Got.Seq, Total: a.Got.Total, Settled: settled,
		Root: a.Got.Root, Since: a.Got.since(a.Got.Total, settled), Limit: r.cfg.limit(peer, a, r.clock()),
	}
}

// SettledOut enters that our debt to peer is good up to that total of its
// channel. It never goes back, less than is entered changes nothing, and more
// than was noted is ErrBooks. On a rail that nets it is ErrConfig.
func (r *Rail) SettledOut(tx store.Txn, peer identity.PubKey, upTo uint64, at time.Time) error {
	_, err := r.settledTo(tx, peer, upTo, payments.Out, at)
	return err
}

// SettledIn is SettledOut for the peer's debt to us; its limit grows with it.
func (r *Rail) SettledIn(tx store.Txn, peer identity.PubKey, upTo uint64, at time.Time) error {
	_, err := r.settledTo(tx, peer, upTo, payments.In, at)
	return err
}

func (r *Rail) settledTo(tx store.Txn, peer identity.PubKey, upTo uint64, d payments.Direction, at time.Time) (uint64, error) {
	if r.cfg.Net {
		return 0, fmt.Errorf("%w: %s settles by netting alone", ErrConfig, r.cfg.Name)
	}
	a, known, err := load(tx, peer)
	if err != nil {
		return 0, err
	}
	f, total := &a.Got.flow, a.Got.Total
	if d == payments.Out {
		f, total = &a.Paid.flow, a.Paid.Total
	}
	if upTo > total {
		return 0, fmt.Errorf("%w: %d of %s settled, %d noted", ErrBooks, upTo, peer.Short(), total)
	}
	if upTo <= f.Settled {
		return 0, nil
	}
	n := upTo - f.Settled
	f.Settled = upTo
	f.prune(upTo)
	if d == payments.In {
		a.History = r.cfg.Growth.grow(a.History, n, at)
	}
	return n, r.save(tx, peer, a, known)
}

// netted lets the peer's limit grow by what has newly cancelled out.
func (r *Rail) netted(a *account, before uint64) {
	if !r.cfg.Net {
		return
	}
	now := a.cancelled()
	a.History = r.cfg.Growth.grow(a.History, now-before, r.clock())
	a.Got.prune(now)
	a.Paid.prune(now)
}

// Noted is what the channel's total is up to and with what e was paid for by a
// note; ok is false where it was paid in another way.
func (r *Rail) Noted(tx store.Reader, e payments.Entry) (total uint64, ok bool) {
	doc, _, err := r.journal.Evidence(tx, e)
	if err != nil {
		return 0, false
	}
	ev, err := wire.Parse(doc)
	if err != nil {
		return 0, false
	}
	n, err := wire.Decode[wire.CreditNote](ev)
	if err != nil {
		return 0, false
	}
	_, total, ok = n.Line(string(e.Ref))
	return total, ok
}

func (r *Rail) channel(payer, payee identity.PubKey) string {
	return channelID(r.cfg.Name, r.cfg.Unit, payer, payee)
}
