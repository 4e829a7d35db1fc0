package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/store"
)

// PayBooks is what a whole look at a large journal on disk takes, milliseconds
// of the clock. Scan is the baseline: every key and value read and no more.
type PayBooks struct {
	Entries   int     `json:"entries"`
	Bytes     int     `json:"bytes"` // keys and values
	Filled    float64 `json:"filled_ms"`
	Scan      Series  `json:"scan_ms"`
	Reconcile Series  `json:"reconcile_ms"` // every entry, sum and account proven
	Ratio     Series  `json:"ratio"`        // of the two, by round
	CPU       Series  `json:"reconcile_cpu_ms"`
	Sweep     Series  `json:"sweep_ms"` // what Run does on its timer: only what is open
	Page      Series  `json:"page_ms"`  // the hundred newest with one peer
}

// Of the journal that is reconciled: as many peers, entries of one transaction,
// and the sizes that a note and its countersignature have.
const (
	booksPeers  = 50
	booksBatch  = 400
	noteSize    = 550
	answerSize  = 420
	booksOpenIn = 1000 // one entry in so many is still in flight
)

func payBooks(ctx context.Context, cfg PayConfig, dir string) (b PayBooks, err error) {
	disk, err := store.Open(filepath.Join(dir, "books"), slog.New(slog.DiscardHandler))
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	key, err := identity.Generate()
	if err != nil {
		return b, err
	}
	alone := func(context.Context, identity.PubKey) (account.Conn, error) {
		return nil, payments.ErrUnreachable
	}
	s := store.Prefix(disk, "rail/")
	rail, err := credit.New(credit.Default(), key, s, alone, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return b, err
	}
	began := time.Now()
	peer, err := fillBooks(ctx, rail, s, cfg.Entries)
	if err != nil {
		return b, err
	}
	b.Entries, b.Filled = cfg.Entries, round(millis(time.Since(began)))
	var scan, whole, ratios, cpu, sweep, page []float64
	for range cfg.Rounds {
		if err := ctx.Err(); err != nil {
			return b, err
		}
		took := map[*[]float64]func() error{
			&scan:  func() (err error) { b.Bytes, err = heldIn(s); return err },
			&sweep: func() error { _, err := rail.Sweep(ctx); return err },
			&page:  func() error { return readPage(rail, peer) },
		}
		for _, into := range []*[]float64{&scan, &sweep, &page} {
			var c payCost
			if err := c.timed(took[into]); err != nil {
				return b, err
			}
			*into = append(*into, millis(c.wall))
		}
		var c payCost
		if err := c.timed(func() error { return reconcileBooks(ctx, rail) }); err != nil {
			return b, err
		}
		whole, cpu = append(whole, millis(c.wall)), append(cpu, millis(c.cpu))
		ratios = append(ratios, millis(c.wall)/scan[len(scan)-1])
	}
	b.Scan, b.Reconcile, b.Ratio, b.CPU = summarise(scan), summarise(whole), summarise(ratios), summarise(cpu)
	b.Sweep, b.Page = summarise(sweep), summarise(page)
	return b, nil
}

// reconcileBooks is one whole pass, which has nothing to find.
func reconcileBooks(ctx context.Context, rail *account.Rail) error {
	rep, err := rail.Reconcile(ctx)
	if err == nil && len(rep.Differences) > 0 {
		err = fmt.Errorf("%w: the books differ: %s", ErrJob, rep.Differences[0].What)
	}
	return err
}

func readPage(rail *account.Rail, peer identity.PubKey) error {
	list, _, err := rail.Journal().Page(payments.Filter{Peer: peer, Limit: 100})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: nothing with a peer that was paid", ErrJob)
	}
	return err
}

// fillBooks enters n settlements with evidence of the size that notes have, both
// ways, one in booksOpenIn still in flight. They are of a class of their own, so
// that no account is needed beside each; they are read and proven as payments are.
func fillBooks(ctx context.Context, rail *account.Rail, s store.Store, n int) (peer identity.PubKey, err error) {
	var peers []identity.PubKey
	for range booksPeers {
		k, err := identity.Generate()
		if err != nil {
			return peer, err
		}
		peers = append(peers, k.PubKey())
	}
	put := func(tx store.Txn, x int) error {
		e := payments.Entry{
			Direction: payments.Out, Peer: peers[x%booksPeers], Ref: payments.Ref(fmt.Sprintf("%sjob%d/%d/0", payments.ClassSettle, x%5000, x)),
			Amount: payments.Amount{Value: payAmount, Unit: rail.Unit()}, State: payments.StateHeld, Reason: "note 7 signed",
			Doc: make([]byte, noteSize),
		}
		if x%2 == 1 {
			e.Direction, e.State = payments.In, payments.StateQuoted
		}
		if x%booksOpenIn != 0 {
			e.State, e.Reason, e.Answer = payments.StateCaptured, "note 7 countersigned", make([]byte, answerSize)
		}
		_, err := rail.Journal().Put(tx, e)
		return err
	}
	for i := 0; i < n && err == nil; i += booksBatch {
		err = errors.Join(ctx.Err(), s.Update(func(tx store.Txn) error {
			for x := i; x < min(i+booksBatch, n); x++ {
				if err := put(tx, x); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return peers[0], err
}
