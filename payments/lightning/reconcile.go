package lightning

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// The kinds of Difference that this rail adds.
const (
	// KindWindow: a window could not be settled now.
	KindWindow = "window"
	// KindHold: money is locked for longer than was meant.
	KindHold = "hold"
	// KindNode: the Lightning node does not answer, or not of this.
	KindNode = "node"
)

// Reconcile implements payments.Reconciler: it sends notes in flight again, asks
// the node about everything that is open, pays and gives back what is due now,
// and reports what is left.
func (r *Rail) Reconcile(ctx context.Context) (payments.Report, error) {
	begun := time.Now()
	rep, err := r.acc.Sweep(ctx)
	if err != nil {
		return rep, err
	}
	lanes, err := r.lanes(ctx)
	if err != nil {
		return rep, err
	}
	var mu sync.Mutex
	failed := map[lane]error{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for l := range lanes {
		g.Go(func() error {
			if err := r.work(gctx, l, true); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[l] = err
			}
			return nil
		})
	}
	_ = g.Wait() // it returns none
	if err := ctx.Err(); err != nil {
		return rep, err
	}
	rep.Rail = Name
	for l, err := range failed {
		if stored(err) {
			return rep, err
		}
		rep.Differences = append(rep.Differences, r.differ(l, err))
	}
	if err := r.checkOwn(); err != nil {
		rep.Differences = append(rep.Differences, payments.Difference{
			Kind: payments.KindBooks, What: clip(err.Error()), Certain: "each entry as the journal has it", Amount: msat(0),
			Doing: "nothing by itself: the store was damaged, or written by something else",
		})
	}
	// Last, so that what was settled just now is no difference.
	books, err := r.acc.Reconcile(ctx)
	if err != nil {
		return rep, err
	}
	rep.Entries = books.Entries
	rep.Settled, rep.Open, rep.Waived = rep.Settled+books.Settled, books.Open, rep.Waived+books.Waived
	rep.Differences = append(rep.Differences, books.Differences...)
	for _, prefix := range []string{outPrefix, inPrefix} {
		if err := r.leftOpen(prefix, &rep); err != nil {
			return rep, err
		}
	}
	rep.Took = time.Since(begun)
	return rep, nil
}

// stored reports whether an error is the store's own: then nothing said here
// would be worth anything.
func stored(err error) bool { return errors.Is(err, payments.ErrCorrupt) }

// differ says what a failed task means.
func (r *Rail) differ(l lane, err error) payments.Difference {
	d := payments.Difference{
		Peer: l.peer, Kind: KindWindow, What: clip(err.Error()), Amount: msat(0),
		Certain: "what is written down; nothing is paid twice", Doing: "tried again at the next pass",
	}
	switch {
	case errors.Is(err, payments.ErrUnreachable):
		d.Kind = payments.KindUnreachable
	case errors.Is(err, ln.ErrUnavailable), errors.Is(err, ln.ErrStarting), errors.Is(err, ln.ErrLocked), errors.Is(err, ln.ErrDenied):
		d.Kind = KindNode
	case errors.Is(err, payments.ErrUnknown):
		d.Kind = payments.KindUnknown
	case errors.Is(err, payments.ErrCeiling):
		d.Doing = "waits until the day's ceiling has room"
	}
	return d
}

// leftOpen counts what is open still, and reports what should not be.
func (r *Rail) leftOpen(prefix string, rep *payments.Report) error {
	peers, err := r.peers(prefix)
	if err != nil {
		return err
	}
	now := r.clock()
	for _, peer := range peers {
		o, err := r.out(peer)
		if prefix == inPrefix {
			var i in
			i, err = r.in(peer)
			o = out{Window: i.Window, Holds: i.Holds}
		}
		if err != nil {
			return err
		}
		if o.Window != nil {
			rep.Open++
		}
		for _, h := range o.Holds {
			rep.Open++
			if late := now.Sub(h.Until); late > 0 {
				d := payments.Difference{
					Ref: h.Ref, Peer: peer, Kind: KindHold, Amount: msat(h.Amount), Certain: "it is not charged",
					What:  fmt.Sprintf("%s, %v after its time", h.Phase, late.Round(time.Second)),
					Doing: "the node is asked at each pass; the payment's own expiry ends it",
				}
				switch h.Phase {
				case revealed, settling:
					d.Certain = "charged or not: the node will say"
				case charged, unsigned:
					d.Certain = "it is charged"
				}
				rep.Differences = append(rep.Differences, d)
			}
		}
	}
	return nil
}

// Check compares the account and this rail's own state with the journal. It is
// exact and reads all entries.
func (r *Rail) Check(ctx context.Context) error {
	return errors.Join(r.acc.Check(ctx), r.checkOwn())
}

// checkOwn compares this rail's own state with what is open in the journal.
func (r *Rail) checkOwn() error {
	return r.s.View(func(tx store.Reader) error {
		return errors.Join(r.checkSide(tx, payments.Out, outPrefix), r.checkSide(tx, payments.In, inPrefix))
	})
}

func (r *Rail) checkSide(tx store.Reader, d payments.Direction, prefix string) error {
	open := map[payments.Ref]bool{}
	var sum tally
	var bad []error
	type line struct {
		peer identity.PubKey
		o    out
	}
	var lines []line // scans do not nest
	err := tx.Scan([]byte(prefix), func(k, _ []byte) error {
		peer, err := identity.ParsePubKey(string(k[len(prefix):]))
		lines = append(lines, line{peer: peer})
		return err
	})
	for _, l := range lines {
		err = errors.Join(err, readJSON(tx, prefix+l.peer.Hex(), &l.o))
		if l.o.Window != nil {
			open[l.o.Window.ref()] = true
		}
		for ref := range l.o.Holds {
			open[holdRef(d, l.peer, ref)] = true
		}
		n := countHolds(l.o.Holds)
		sum.Holds, sum.Amount = sum.Holds+n.Holds, sum.Amount+n.Amount
	}
	all, terr := held(tx, d)
	if sum != all {
		bad = append(bad, fmt.Errorf("%w: %s holds %+v, counted %+v", ErrBooks, d, sum, all))
	}
	eerr := r.acc.Journal().Each(tx, payments.Filter{Direction: d, Open: true}, func(e payments.Entry) error {
		if e.Ref.Class() != "" && !open[e.Ref] {
			bad = append(bad, fmt.Errorf("%w: %s is %s, and nothing is under way", ErrBooks, e.Ref, e.State))
		}
		return nil
	})
	return errors.Join(append(bad, err, terr, eerr)...)
}
