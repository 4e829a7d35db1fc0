package rails_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/store"
)

// rail answers with its own name and remembers what came.
type rail struct {
	name string
	unit payments.Unit
	got  []byte
	held map[payments.Ref]bool
	ran  chan struct{}
	s    store.Store
}

func newRail(name string, unit payments.Unit) *rail {
	return &rail{name: name, unit: unit, held: map[payments.Ref]bool{}, ran: make(chan struct{}), s: store.NewMem()}
}

func (r *rail) Name() string        { return r.name }
func (r *rail) Unit() payments.Unit { return r.unit }
func (r *rail) Pay(_ context.Context, p payments.Payment) (payments.Proof, error) {
	r.held[p.Ref] = true
	return payments.Proof{Ref: p.Ref, Rail: r.name}, nil
}
func (r *rail) Expect(_ context.Context, p payments.Payment) error {
	r.held[p.Ref] = true
	return nil
}
func (r *rail) Waive(_ context.Context, _ identity.PubKey, ref payments.Ref, _ string) error {
	delete(r.held, ref)
	return nil
}
func (r *rail) Status(_ context.Context, _ identity.PubKey, ref payments.Ref) (payments.Entry, error) {
	if !r.held[ref] {
		return payments.Entry{}, payments.ErrNoEntry
	}
	return payments.Entry{Rail: r.name, Ref: ref}, nil
}
func (r *rail) Balances(context.Context) ([]payments.Balance, error) { return nil, nil }
func (r *rail) Run(ctx context.Context) error {
	close(r.ran)
	<-ctx.Done()
	return nil
}
func (r *rail) RoomFor(context.Context, identity.PubKey) (payments.Amount, error) {
	return payments.Amount{Value: 7, Unit: r.unit}, nil
}
func (r *rail) ServeStream(_ context.Context, _ identity.PubKey, conn io.ReadWriteCloser) (err error) {
	r.got, err = io.ReadAll(conn)
	return err
}
func (r *rail) Journal() *payments.Journal {
	return payments.NewJournal(r.name, r.s, time.Now)
}

// enter writes an entry as a payment under way, or one that was made.
func (r *rail) enter(t *testing.T, d payments.Direction, p payments.Payment, s payments.State) {
	t.Helper()
	err := r.s.Update(func(tx store.Txn) error {
		_, err := r.Journal().Put(tx, payments.Entry{Direction: d, Ref: p.Ref, Peer: p.Peer, Amount: p.Amount, State: s})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func peer(t *testing.T) identity.PubKey {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k.PubKey()
}

// funding is a rail that locks money.
type funding struct {
	*rail
	locked map[payments.Ref]bool
}

func (f funding) Fund(_ context.Context, p payments.Payment) error {
	f.locked[p.Ref] = true
	return nil
}
func (f funding) Release(_ context.Context, ref payments.Ref, _ string) error {
	delete(f.locked, ref)
	return nil
}

// An amount goes to the rail of its unit and no other.
func TestByUnit(t *testing.T) {
	t.Parallel()
	credit, ln := newRail("credit", payments.Credits), funding{newRail("lightning", payments.MilliSat), map[payments.Ref]bool{}}
	s, err := rails.New(credit, ln)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	sats := payments.Payment{Ref: "a/0/1", Amount: payments.Amount{Value: 5, Unit: payments.MilliSat}}
	if err := s.Fund(ctx, sats); err != nil || !ln.locked["a/0/1"] {
		t.Errorf("fund: %v, %v", err, ln.locked)
	}
	if proof, err := s.Pay(ctx, sats); err != nil || proof.Rail != "lightning" || credit.held["a/0/1"] {
		t.Errorf("pay: %+v, %v", proof, err)
	}
	if err := s.Release(ctx, payments.MilliSat, "a/0/1", "x"); err != nil || ln.locked["a/0/1"] {
		t.Errorf("release: %v", err)
	}
	owed := payments.Payment{Ref: "b/0/1", Peer: peer(t), Amount: payments.Amount{Value: 5, Unit: payments.Credits}}
	if err := errors.Join(s.Fund(ctx, owed), s.Expect(ctx, owed)); err != nil || !credit.held["b/0/1"] {
		t.Errorf("expect: %v", err)
	}
	credit.enter(t, payments.In, owed, payments.StateQuoted)
	if e, err := s.Received(ctx, owed); err != nil || e.Rail != "credit" || e.State != payments.StateQuoted {
		t.Errorf("received: %+v, %v", e, err)
	}
	if err := s.Waive(ctx, owed, "x"); err != nil || credit.held["b/0/1"] {
		t.Errorf("waive: %v", err)
	}
	if !s.Funds(payments.MilliSat) || s.Funds(payments.Credits) || !s.Takes("credit", payments.Credits) || s.Takes("credit", payments.MilliSat) {
		t.Error("what the rails do is told wrong")
	}
	if room, err := s.RoomFor(ctx, identity.PubKey{}, payments.MilliSat); err != nil || room.Unit != payments.MilliSat {
		t.Errorf("room: %s, %v", room, err)
	}
}

// Nothing new is agreed on a rail whose money is away; what was agreed goes on.
func TestAway(t *testing.T) {
	t.Parallel()
	s, err := rails.New(newRail("credit", payments.Credits), newRail("lightning", payments.MilliSat))
	if err != nil {
		t.Fatal(err)
	}
	s.SetAway("lightning", true)
	if s.Takes("lightning", payments.MilliSat) || !s.Takes("credit", payments.Credits) || len(s.Taking()) != 1 {
		t.Errorf("away: %v", s.Taking())
	}
	if _, ok := s.Named("lightning"); !ok || len(s.Names()) != 2 {
		t.Errorf("it is gone altogether: %v", s.Names())
	}
	s.SetAway("lightning", false)
	if !s.Takes("lightning", payments.MilliSat) || len(s.Taking()) != 2 {
		t.Errorf("back: %v", s.Taking())
	}
}

// What is paid under one ref on another rail, by another peer, of another amount
// or by this node itself pays for nothing else that is called the same: refs are
// the payers' choice.
func TestReceivedIsOfOnePayer(t *testing.T) {
	t.Parallel()
	credit, ln := newRail("credit", payments.Credits), newRail("lightning", payments.MilliSat)
	s, err := rails.New(credit, ln)
	if err != nil {
		t.Fatal(err)
	}
	due := payments.Payment{Ref: "job/0/0", Peer: peer(t), Amount: payments.Amount{Value: 5000, Unit: payments.MilliSat}}
	cheap, own, theirs := due, due, due
	cheap.Peer, cheap.Amount = peer(t), payments.Amount{Value: 1, Unit: payments.Credits}
	own.Peer, own.Amount.Value = peer(t), 1
	theirs.Peer = peer(t)
	credit.enter(t, payments.In, cheap, payments.StateCaptured)
	ln.enter(t, payments.Out, own, payments.StateCaptured)
	if e, err := s.Received(t.Context(), due); !errors.Is(err, payments.ErrNoEntry) {
		t.Errorf("paid with others' money: %+v, %v", e, err)
	}
	ln.enter(t, payments.In, theirs, payments.StateCaptured)
	if e, err := s.Received(t.Context(), due); !errors.Is(err, payments.ErrNoEntry) {
		t.Errorf("paid by another: %+v, %v", e, err)
	}
	ln.enter(t, payments.In, due, payments.StateQuoted)
	if e, err := s.Received(t.Context(), due); err != nil || e.State != payments.StateQuoted {
		t.Errorf("another's is in the way: %+v, %v", e, err)
	}
	if e, err := s.Received(t.Context(), theirs); err != nil || e.State != payments.StateCaptured {
		t.Errorf("%+v, %v", e, err)
	}
	less := due
	less.Amount.Value--
	if e, err := s.Received(t.Context(), less); !errors.Is(err, payments.ErrConflict) {
		t.Errorf("another amount: %+v, %v", e, err)
	}
}

// What shows a payment is of the rail, the way, the peer and the ref that it was
// made by, and nothing shows one that was not made.
func TestEvidence(t *testing.T) {
	t.Parallel()
	credit, ln := newRail("credit", payments.Credits), newRail("lightning", payments.MilliSat)
	s, err := rails.New(credit, ln)
	if err != nil {
		t.Fatal(err)
	}
	paid := payments.Payment{Ref: "job/0/0", Peer: peer(t), Amount: payments.Amount{Value: 5000, Unit: payments.MilliSat}}
	due := paid
	due.Ref = "job/0/1"
	for _, e := range []payments.Entry{
		{Direction: payments.Out, Ref: paid.Ref, Peer: paid.Peer, Amount: paid.Amount, State: payments.StateCaptured, Doc: []byte("note"), Answer: []byte("taken")},
		{Direction: payments.In, Ref: due.Ref, Peer: due.Peer, Amount: due.Amount, State: payments.StateQuoted, Doc: []byte("note")},
	} {
		err := ln.s.Update(func(tx store.Txn) error {
			_, err := ln.Journal().Put(tx, e)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		unit payments.Unit
		way  payments.Direction
		peer identity.PubKey
		ref  payments.Ref
		want string
	}{
		"paid":         {payments.MilliSat, payments.Out, paid.Peer, paid.Ref, "note taken"},
		"another unit": {payments.Credits, payments.Out, paid.Peer, paid.Ref, " "},
		"another way":  {payments.MilliSat, payments.In, paid.Peer, paid.Ref, " "},
		"another peer": {payments.MilliSat, payments.Out, peer(t), paid.Ref, " "},
		"another ref":  {payments.MilliSat, payments.Out, paid.Peer, "job/0/2", " "},
		"not yet paid": {payments.MilliSat, payments.In, due.Peer, due.Ref, " "},
	} {
		doc, answer, err := s.Evidence(t.Context(), c.unit, c.way, c.peer, c.ref)
		if got := string(doc) + " " + string(answer); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, _, err := s.Evidence(t.Context(), "USDC", payments.Out, paid.Peer, paid.Ref); !errors.Is(err, payments.ErrUnit) {
		t.Errorf("a unit of no rail: %v", err)
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	s, err := rails.New(newRail("credit", payments.Credits))
	if err != nil {
		t.Fatal(err)
	}
	gold := payments.Payment{Ref: "a/0/1", Amount: payments.Amount{Value: 5, Unit: "gold"}}
	if _, err := s.Pay(t.Context(), gold); !errors.Is(err, payments.ErrUnit) || payments.OutcomeOf(err) != payments.NotCharged {
		t.Errorf("pay: %v", err)
	}
	if err := s.Expect(t.Context(), gold); !errors.Is(err, payments.ErrUnit) {
		t.Errorf("expect: %v", err)
	}
	if err := s.Waive(t.Context(), gold, ""); !errors.Is(err, payments.ErrUnit) {
		t.Errorf("waive: %v", err)
	}
	for _, twin := range []*rail{newRail("credit", "gold"), newRail("gold", payments.Credits)} {
		if err := s.Add(twin); !errors.Is(err, rails.ErrTwice) {
			t.Errorf("a second %s in %s: %v", twin.name, twin.unit, err)
		}
	}
}

// conn is what a peer sent.
type conn struct {
	*bytes.Buffer
	closed bool
}

func (c *conn) Close() error {
	c.closed = true
	return nil
}

// A stream goes, whole, to the rail that its first document names.
func TestStream(t *testing.T) {
	t.Parallel()
	credit, ln := newRail("credit", payments.Credits), newRail("lightning", payments.MilliSat)
	s, err := rails.New(credit, ln)
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	note := func(unit string) wire.Message {
		return wire.CreditNote{Payee: key.PubKey(), Channel: "c", Seq: 1, Cumulative: 5, Amount: 5, Unit: unit, Ref: "a/0/1"}
	}
	for name, c := range map[string]struct {
		m    wire.Message
		want *rail
	}{
		"a note in credits":  {note("credits"), credit},
		"a note in msat":     {note("msat"), ln},
		"terms of a rail":    {wire.PayTermsAsk{Rail: "lightning"}, ln},
		"a note in gold":     {note("gold"), nil},
		"terms of no rail":   {wire.PayTermsAsk{Rail: "gold"}, nil},
		"no money in it":     {wire.Countersign{Of: wire.ID{1}, Role: wire.RolePayee}, nil},
		"the default's name": {wire.PayTermsAsk{Rail: "credit"}, credit},
	} {
		t.Run(name, func(t *testing.T) {
			credit.got, ln.got = nil, nil
			e, err := wire.Seal(key, c.m, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			var sent bytes.Buffer
			if err := errors.Join(wire.WriteEvent(&sent, e), wire.WriteEvent(&sent, e)); err != nil {
				t.Fatal(err)
			}
			in := &conn{Buffer: bytes.NewBuffer(bytes.Clone(sent.Bytes()))}
			err = s.ServeStream(t.Context(), key.PubKey(), in)
			if c.want == nil {
				if !errors.Is(err, payments.ErrUnit) || !in.closed || credit.got != nil || ln.got != nil {
					t.Errorf("%v, closed %v", err, in.closed)
				}
				return
			}
			if err != nil || !bytes.Equal(c.want.got, sent.Bytes()) {
				t.Errorf("%v; %d bytes came, want %d", err, len(c.want.got), sent.Len())
			}
		})
	}
}

// A rail that joins later runs too.
func TestRun(t *testing.T) {
	t.Parallel()
	first, late := newRail("credit", payments.Credits), newRail("lightning", payments.MilliSat)
	s, err := rails.New(first)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-first.ran
	if err := s.Add(late); err != nil {
		t.Fatal(err)
	}
	<-late.ran
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
