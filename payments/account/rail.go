package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Rail implements payments.Rail. It is safe for use by many goroutines.
type Rail struct {
	cfg     Config
	key     *identity.Key
	s       store.Store
	dial    Dialer
	clock   func() time.Time
	log     *slog.Logger
	journal *payments.Journal
	paying  keyed // held while a note to that peer is decided upon, sent, answered
	settler Settler

	expecting keyed // held while payments of that peer are written down as expected
}

var _ payments.Rail = (*Rail)(nil)

// New returns the rail of the node with that key. The store is its own (see
// store.Prefix). It starts nothing; it returns what Config.Validate returns.
func New(cfg Config, key *identity.Key, s store.Store, dial Dialer, clock func() time.Time, log *slog.Logger) (*Rail, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Rail{
		cfg: cfg, key: key, s: s, dial: dial, clock: clock, log: log,
		journal: payments.NewJournalBy(cfg.rule(), cfg.Name, s, clock),
	}, nil
}

// Name returns Config.Name.
func (r *Rail) Name() string { return r.cfg.Name }

// Unit returns Config.Unit.
func (r *Rail) Unit() payments.Unit { return r.cfg.Unit }

// Journal returns the rail's journal, to be listed.
func (r *Rail) Journal() *payments.Journal { return r.journal }

// Status implements payments.Rail.
func (r *Rail) Status(_ context.Context, peer identity.PubKey, ref payments.Ref) (payments.Entry, error) {
	return r.journal.Status(peer, ref)
}

// RoomFor returns how much more work for that peer may be accepted on credit:
// its window less what it owes and what is already expected of it.
func (r *Rail) RoomFor(_ context.Context, peer identity.PubKey) (payments.Amount, error) {
	room := payments.Amount{Unit: r.cfg.Unit}
	err := r.s.View(func(tx store.Reader) error {
		a, _, err := load(tx, peer)
		if err != nil {
			return err
		}
		window, err := r.window(tx, peer, a)
		room.Value = a.room(r.cfg.Net, window)
		return err
	})
	return room, err
}

// Balances implements payments.Rail.
func (r *Rail) Balances(context.Context) (out []payments.Balance, err error) {
	err = r.s.View(func(tx store.Reader) error {
		var all []account // scans do not nest
		out = nil
		err := eachAccount(tx, func(peer identity.PubKey, a account) error {
			out, all = append(out, r.balance(peer, a)), append(all, a)
			return nil
		})
		for i := 0; err == nil && i < len(out) && !r.cfg.Net; i++ {
			out[i].Window, err = r.window(tx, out[i].Peer, all[i])
			out[i].Left = all[i].room(false, out[i].Window)
		}
		return err
	})
	return out, err
}

// Check compares every account with the journal and returns ErrBooks for each
// that does not add up: captured amounts against totals, expected ones against
// what is reserved, the note in flight against its entry. It is exact, reads all
// entries, and proves the journal's own sums with them.
func (r *Rail) Check(context.Context) error {
	if err := r.journal.Prepare(); err != nil {
		return err
	}
	return r.s.View(func(tx store.Reader) error {
		bad, err := r.check(tx, func(payments.Entry) {})
		all := []error{err}
		for _, b := range bad {
			all = append(all, b.err)
		}
		return errors.Join(all...)
	})
}

// unsound is an account that does not match the journal.
type unsound struct {
	peer identity.PubKey
	err  error
}

// check finds the accounts that do not match and calls seen for each entry. Its
// error is the store's.
func (r *Rail) check(tx store.Reader, seen func(payments.Entry)) (bad []unsound, err error) {
	want := map[identity.PubKey]sums{}
	err = r.journal.Verify(tx, func(e payments.Entry) error {
		want[e.Peer] = want[e.Peer].with(e)
		seen(e)
		return nil
	})
	if errors.Is(err, payments.ErrSums) {
		bad, err = append(bad, unsound{err: err}), nil
	}
	if err != nil {
		return nil, err
	}
	err = eachAccount(tx, func(peer identity.PubKey, a account) error {
		have := sums{paid: a.Paid.Total + a.Paid.Secured, got: a.Got.Total + a.Got.Secured, reserved: a.Reserved, covered: a.Covered}
		if a.Paid.Pending != nil {
			have.pending = a.Paid.Pending.Amount
		}
		if have != want[peer] {
			bad = append(bad, unsound{peer, fmt.Errorf("%s: have %+v, journal %+v: %w", peer.Short(), have, want[peer], ErrBooks)})
		}
		delete(want, peer)
		return nil
	})
	for peer, s := range want {
		if s != (sums{}) {
			bad = append(bad, unsound{peer, fmt.Errorf("%s: no account, journal %+v: %w", peer.Short(), s, ErrBooks)})
		}
	}
	return bad, err
}

// sums is what the journal says an account must hold.
type sums struct{ paid, got, reserved, covered, pending uint64 }

func (s sums) with(e payments.Entry) sums {
	v := e.Amount.Value
	switch {
	case e.Ref.Class() != "":
	case e.Secured != "" && e.State.Open():
		if e.Direction == payments.In {
			s.covered += v
		}
	case e.Direction == payments.Out && e.State == payments.StateCaptured:
		s.paid += v
	case e.Direction == payments.Out && e.State.Open():
		s.pending += v
	case e.Direction == payments.In && e.State == payments.StateCaptured:
		s.got += v
	case e.Direction == payments.In && e.State.Open():
		s.reserved += v
	}
	return s
}
