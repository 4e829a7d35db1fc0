package account_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/store"
)

// channelOf is the channel's name as the payer's own notes carry it.
func channelOf(t *testing.T, from, to *node) string {
	t.Helper()
	list, err := from.now().Journal().List(payments.Filter{Direction: payments.Out, Peer: to.id(), Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	e, err := wire.Parse(list[0].Doc)
	if err != nil {
		t.Fatal(err)
	}
	n, err := wire.Decode[wire.CreditNote](e)
	if err != nil {
		t.Fatal(err)
	}
	return n.Channel
}

// say sends one frame as peer and returns the answers and what the server said.
func say(t *testing.T, to *node, peer identity.PubKey, e wire.Event) (answers []wire.Event, err error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- to.now().ServeStream(context.Background(), peer, far) }()
	if err := wire.WriteEvent(near, e); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(near)
	for {
		a, err := wire.ReadEvent(in)
		if err != nil {
			break
		}
		answers = append(answers, a)
		if m, derr := wire.Decode[wire.Error](a); derr != nil || m.Code != account.CodeDiverged {
			break
		}
	}
	near.Close()
	return answers, <-done
}

func code(t *testing.T, e wire.Event) string {
	t.Helper()
	if e.Kind == wire.KindCountersign {
		return "countersigned"
	}
	m, err := wire.Decode[wire.Error](e)
	if err != nil {
		t.Fatal(err)
	}
	return m.Code
}

func TestHostileNotes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	if _, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 5)); err != nil {
		t.Fatal(err)
	}
	b.expect(a, "j/1/0", 7)
	good := wire.CreditNote{
		Payee: b.id(), Channel: channelOf(t, a, b), Seq: 2, Cumulative: 12, Amount: 7, Unit: "credits", Ref: "j/1/0",
	}
	lines := func(sum uint64, all ...wire.CreditLine) func(*wire.CreditNote) {
		return func(n *wire.CreditNote) { n.Ref, n.Amount, n.Cumulative, n.Lines = "", sum, 5+sum, all }
	}
	stranger, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		key    *identity.Key
		change func(*wire.CreditNote)
		want   string
		bad    bool // the peer's fault
	}{
		{"signed by another", stranger, func(*wire.CreditNote) {}, account.CodeBadNote, true},
		{"payable to another", a.key, func(n *wire.CreditNote) { n.Payee = stranger.PubKey() }, account.CodeBadNote, true},
		{"other channel", a.key, func(n *wire.CreditNote) { n.Channel = "x" }, account.CodeBadNote, true},
		{"other unit", a.key, func(n *wire.CreditNote) { n.Unit = "msat" }, account.CodeBadNote, true},
		{"nothing", a.key, func(n *wire.CreditNote) { n.Amount = 0 }, account.CodeBadNote, true},
		{"no ref", a.key, func(n *wire.CreditNote) { n.Ref = "" }, account.CodeBadNote, true},
		{"number skipped", a.key, func(n *wire.CreditNote) { n.Seq = 3 }, account.CodeDiverged, false},
		{"number again", a.key, func(n *wire.CreditNote) { n.Seq = 1; n.Cumulative = 7 }, account.CodeDiverged, false},
		{"total too low", a.key, func(n *wire.CreditNote) { n.Cumulative = 11 }, account.CodeDiverged, false},
		{"total too high", a.key, func(n *wire.CreditNote) { n.Cumulative = 13 }, account.CodeDiverged, false},
		{"paid before", a.key, func(n *wire.CreditNote) { n.Ref = "j/0/0"; n.Amount = 5; n.Cumulative = 10 }, account.CodeDiverged, false},
		{"paid before, in company", a.key, lines(11, wire.CreditLine{Ref: "j/1/0", Amount: 7}, wire.CreditLine{Ref: "j/0/0", Amount: 4}), account.CodeDiverged, false},
		{"total of the lines too low", a.key, func(n *wire.CreditNote) {
			lines(11, wire.CreditLine{Ref: "j/1/0", Amount: 7}, wire.CreditLine{Ref: "j/2/0", Amount: 4})(n)
			n.Cumulative--
		}, account.CodeDiverged, false},
		{"total beyond all", a.key, func(n *wire.CreditNote) { n.Amount = 1 << 62; n.Cumulative = 1 << 62 }, account.CodeDiverged, false},
	} {
		n := good
		c.change(&n)
		e, err := wire.Seal(c.key, n, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		answers, err := say(t, b, a.id(), e)
		if len(answers) == 0 || code(t, answers[0]) != c.want || errors.Is(err, account.ErrNote) != c.bad {
			t.Fatalf("%s: %v, %v", c.name, answers, err)
		}
		if c.want == account.CodeDiverged {
			if last, err := wire.Decode[wire.CreditNote](answers[1]); err != nil || last.Seq != 1 || last.Cumulative != 5 {
				t.Fatalf("%s: last note %+v %v", c.name, last, err)
			}
		}
		if got := b.balance(a); got.Received != 5 || got.Expected != 7 {
			t.Fatalf("%s moved the book: %+v", c.name, got)
		}
	}
	// After all that, the channel still works; an old date is no fault of a note.
	e, err := wire.Seal(a.key, good, time.Now().Add(-400*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	first, err := say(t, b, a.id(), e)
	if err != nil || code(t, first[0]) != "countersigned" {
		t.Fatalf("%v %v", first, err)
	}
	again, err := say(t, b, a.id(), e)
	if err != nil || again[0].ID != first[0].ID {
		t.Fatalf("answered differently: %v %v", again, err)
	}
	if got := b.balance(a); got.Received != 12 || got.Dispute != "" {
		t.Fatalf("%+v", got)
	}
}

// liar is a payee that answers with whatever the test says.
func liar(t *testing.T, w *world, answer func(note wire.Event, n wire.CreditNote) []wire.Event) (*node, *node) {
	t.Helper()
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	dial := func(context.Context, identity.PubKey) (account.Conn, error) {
		near, far := net.Pipe()
		w.served.Go(func() {
			defer far.Close()
			e, err := wire.ReadEvent(bufio.NewReader(far))
			if err != nil {
				return
			}
			n, err := wire.Decode[wire.CreditNote](e)
			if err != nil {
				return
			}
			for _, out := range answer(e, n) {
				if wire.WriteEvent(far, out) != nil {
					return
				}
			}
			_, _ = io.Copy(io.Discard, far)
		})
		return near, nil
	}
	rail, err := account.New(a.cfg, a.key, a.s, dial, time.Now, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.rail = rail
	return a, b
}

func TestLyingPayee(t *testing.T) {
	t.Parallel()
	seal := func(k *identity.Key, m wire.Message) wire.Event {
		e, err := wire.Seal(k, m, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	other, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		answer func(k *identity.Key, note wire.Event) wire.Event
		want   payments.Outcome
	}{
		{"countersigned by another", func(_ *identity.Key, n wire.Event) wire.Event {
			return seal(other, wire.Countersign{Of: n.ID, Role: wire.RolePayee})
		}, payments.OutcomeUnknown},
		{"another document countersigned", func(k *identity.Key, _ wire.Event) wire.Event {
			return seal(k, wire.Countersign{Of: wire.RandomID(), Role: wire.RolePayee})
		}, payments.OutcomeUnknown},
		{"another role", func(k *identity.Key, n wire.Event) wire.Event {
			return seal(k, wire.Countersign{Of: n.ID, Role: wire.RoleProvider})
		}, payments.OutcomeUnknown},
		{"another note refused", func(k *identity.Key, _ wire.Event) wire.Event {
			return seal(k, wire.Error{Ref: wire.RandomID(), Code: account.CodeNotExpected})
		}, payments.OutcomeUnknown},
		{"refused by another", func(_ *identity.Key, n wire.Event) wire.Event {
			return seal(other, wire.Error{Ref: n.ID, Code: account.CodeNotExpected})
		}, payments.OutcomeUnknown},
		{"unknown code", func(k *identity.Key, n wire.Event) wire.Event {
			return seal(k, wire.Error{Ref: n.ID, Code: "whim"})
		}, payments.OutcomeUnknown},
		{"the note itself", func(_ *identity.Key, n wire.Event) wire.Event { return n }, payments.OutcomeUnknown},
		{"an honest refusal", func(k *identity.Key, n wire.Event) wire.Event {
			return seal(k, wire.Error{Ref: n.ID, Code: account.CodeOverLimit})
		}, payments.NotCharged},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a, b := liar(t, w, func(note wire.Event, n wire.CreditNote) []wire.Event {
				return []wire.Event{c.answer(w.nodes[n.Payee].key, note)}
			})
			_, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 5))
			if payments.OutcomeOf(err) != c.want {
				t.Fatal(err)
			}
			if err := a.now().Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := a.balance(b); got.Paid != 0 {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func FuzzServeStream(f *testing.F) {
	w := newWorld(f)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	b.expect(a, "j/0/0", 5)
	e, err := wire.Seal(a.key, wire.CreditNote{
		Payee: b.id(), Channel: "x", Seq: 1, Cumulative: 5, Amount: 5, Unit: "credits", Ref: "j/0/0",
	}, time.Unix(1_700_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []wire.Message{
		wire.PayTermsAsk{Rail: "credit"}, wire.PayTermsAsk{Rail: "lightning"},
		wire.Release{Rail: "credit", Ref: "j/0/0", Hold: wire.ID{1}, Preimage: wire.ID{2}}, wire.Countersign{Of: wire.ID{1}, Role: wire.RolePayee},
	} {
		e, err := wire.Seal(a.key, m, time.Unix(1_700_000_000, 0))
		var frame bytes.Buffer
		if err != nil || wire.WriteEvent(&frame, e) != nil {
			f.Fatal(err)
		}
		f.Add(frame.Bytes())
	}
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(append([]byte{byte(len(e.Bytes())&0x7f) | 0x80, byte(len(e.Bytes()) >> 7)}, e.Bytes()...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		near, far := net.Pipe()
		go func() {
			go func() { _, _ = io.Copy(io.Discard, near) }()
			_, _ = near.Write(raw)
			near.Close()
		}()
		_ = b.now().ServeStream(t.Context(), a.id(), far)
		all, err := b.now().Balances(t.Context())
		if err != nil || len(all) != 1 || all[0].Received != 0 || all[0].Expected != 5 {
			t.Fatalf("%+v %v", all, err)
		}
	})
}

// TestRefusedNotesProveNothing wants no fraud to be read from what an honest
// payer signs to a payee who refuses as it likes.
func TestRefusedNotesProveNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.add(config(100), store.NewMem()), w.add(config(100), store.NewMem())
	if _, err := a.now().Pay(t.Context(), pay(b, "j/0/0", 50)); payments.OutcomeOf(err) != payments.NotCharged {
		t.Fatalf("a payment that nobody expects: %v", err)
	}
	b.expect(a, "j/1/0", 3)
	if _, err := a.now().Pay(t.Context(), pay(b, "j/1/0", 3)); err != nil {
		t.Fatal(err)
	}
	var docs []wire.Event
	for _, ref := range []payments.Ref{"j/0/0", "j/1/0"} {
		e, err := a.now().Status(t.Context(), b.id(), ref)
		if err != nil {
			t.Fatal(err)
		}
		note, err := wire.Parse(e.Doc)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, note)
	}
	if err := wire.Contradiction(a.id(), wire.FaultTwoNotes, docs); err == nil {
		t.Error("the notes of an honest payer are proof of a fraud")
	}
}
