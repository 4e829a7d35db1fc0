package reputation_test

import (
	"slices"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// world is one node's book and those around it.
type world struct {
	t    *testing.T
	me   *identity.Key
	book *reputation.Book
	next uint32
}

func newWorld(t *testing.T) *world {
	me := newKey(t)
	return &world{t: t, me: me, book: newBook(t, me, store.NewMem())}
}

// pay makes this node pay a peer for audited work worth so many reference
// amounts of ten credits, and both sign it.
func (w *world) pay(peer *identity.Key, amounts uint64) {
	w.t.Helper()
	p := parties{w.me, peer}
	r := p.receipt(w.next)
	r.Amount = 10 * amounts
	w.next++
	if _, err := w.book.Ledger().AddReceipt(p.both(w.t, issue(w.t, w.book.Ledger(), w.me, r, now))); err != nil {
		w.t.Fatal(err)
	}
}

// says takes an author's opinions in.
func (w *world) says(author *identity.Key, rows ...wire.Opinion) {
	w.t.Helper()
	if _, err := w.book.Opinions().Add(digest(w.t, author, now, rows...), now); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) of(peer *identity.Key) reputation.Standing {
	w.t.Helper()
	s := standing(w.t, w.book, now, peer.PubKey(), reputation.App{}, "")
	x, err := w.book.Explain(now, peer.PubKey())
	if err != nil || !near(x.Score, s.Score, 1e-9) || x.Indirect != s.Indirect || x.Suspect != s.Suspect {
		w.t.Errorf("explained as %+v, stands at %+v (%v)", x, s, err)
	}
	return s
}

// paid is an opinion of one that was paid so many reference amounts.
func paid(peer *identity.Key, amounts float64) wire.Opinion {
	return wire.Opinion{Subject: peer.PubKey(), Good: 40, Value: wire.Quantize(amounts), Day: today(now)}
}

func TestWordOfThosePaidCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c, d := newKey(t), newKey(t), newKey(t), newKey(t)
	w.pay(a, 3)
	w.says(a, paid(b, 1))
	w.says(b, paid(c, 1))
	w.says(c, paid(d, 1))
	two, three, four := w.of(b), w.of(c), w.of(d)
	if !near(two.Indirect, 0.3, 1e-9) || two.Direct != 0 || two.Known {
		t.Errorf("two hops: %+v", two)
	}
	if !near(three.Indirect, 0.3, 1e-9) {
		t.Errorf("three hops: %+v", three)
	}
	if four.Indirect != 0 || four.Score != 0 {
		t.Errorf("four hops: %+v", four)
	}
	x, err := w.book.Explain(now, b.PubKey())
	if err != nil || len(x.Via) != 1 || x.Via[0].Peer != a.PubKey() || !near(x.Via[0].Value, 1, 1e-9) || !near(x.Flow, 1, 1e-9) {
		t.Errorf("%+v %v", x, err)
	}
	// An author's word lasts as long as its money: half is gone in a month.
	later := standing(t, w.book, now.Add(30*day), b.PubKey(), reputation.App{}, "")
	if !near(later.Indirect, 0.15, 1e-3) {
		t.Errorf("a month later: %+v", later)
	}
	// What is proven a fraud says nothing.
	if _, err := w.book.Opinions().Add(caught(t, d, a, now), now); err != nil {
		t.Fatal(err)
	}
	if s := w.of(b); s.Indirect != 0 {
		t.Errorf("a fraud's word: %+v", s)
	}
}

func TestWordIsWorthNoMoreThanWasPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, x := newKey(t), newKey(t), newKey(t)
	w.pay(a, 3)
	w.pay(b, 1)
	w.says(a, paid(x, 1000))
	w.says(b, paid(x, 1000))
	if s := w.of(x); !near(s.Indirect, 0.3*4, 1e-9) {
		t.Errorf("%+v", s)
	}
	// Much money, but never more than half of the evidence.
	w.pay(a, 500)
	w.says(newKey(t)) // whatever changes
	for range 6 {
		w.pay(x, 1)
	}
	fresh := standing(t, w.book, now.Add(time.Hour), x.PubKey(), reputation.App{}, "")
	if !near(fresh.Indirect, 9, 0.05) || fresh.Score <= fresh.Direct {
		t.Errorf("six receipts and a prior of three: %+v", fresh)
	}
}

// TestSybilRing: a thousand identities praise each other as much as digests can
// say, with perfect mutual receipts. What they gain, each alone and all
// together, is no more than what was truly paid across the edges to the ring.
func TestSybilRing(t *testing.T) {
	t.Parallel()
	const members = 1000
	ring := make([]*identity.Key, members)
	for i := range ring {
		ring[i] = newKey(t)
	}
	// Each praises 64 others; all are praised by 64.
	praise := make([]wire.Event, members)
	for i, k := range ring {
		var rows []wire.Opinion
		for j := range wire.MaxOpinions {
			rows = append(rows, wire.Opinion{Subject: ring[(i+1+j*15)%members].PubKey(), Good: 255, Value: 255, Day: today(now)})
		}
		praise[i] = digest(t, k, now, rows...)
	}
	for name, c := range map[string]struct {
		edges func(w *world)
		paid  float64
	}{
		"no edge": {func(w *world) { w.pay(newKey(t), 50) }, 0},
		"one was paid by this node": {func(w *world) {
			w.pay(ring[0], 6)
			w.pay(newKey(t), 50)
		}, 6},
		"ten were": {func(w *world) {
			for i := range 10 {
				w.pay(ring[i*77], 2)
			}
		}, 20},
		"an honest friend was cheated": {func(w *world) {
			friend, good := newKey(t), newKey(t)
			w.pay(friend, 40)
			w.says(friend, paid(ring[5], 7), paid(good, 7))
		}, 7},
	} {
		w := newWorld(t)
		c.edges(w)
		for _, e := range praise {
			if _, err := w.book.Opinions().Add(e, now); err != nil {
				t.Fatal(err)
			}
		}
		var all, most float64
		for i, k := range ring {
			s := standing(t, w.book, now, k.PubKey(), reputation.App{}, "")
			all += s.Indirect
			most = max(most, s.Indirect)
			if s.Indirect > c.paid {
				t.Fatalf("%s: member %d gained %v, the edge is %v", name, i, s.Indirect, c.paid)
			}
		}
		if all > c.paid || c.paid > 0 && all == 0 {
			t.Errorf("%s: the ring gained %v, the edges are %v", name, all, c.paid)
		}
		t.Logf("%s: paid %v, the ring gained %.3f in all, a member %.3f at most", name, c.paid, all, most)
	}
}

// TestSlander: bad news lowers nobody's score. From those whom this node paid
// it asks for a closer look; from strangers it is nothing.
func TestSlander(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proven, friend, newcomer := newKey(t), newKey(t), newKey(t)
	for range 20 {
		w.pay(proven, 1)
	}
	w.pay(friend, 1)
	before := w.of(proven)
	slander := func(peer *identity.Key) wire.Opinion {
		return wire.Opinion{Subject: peer.PubKey(), Bad: 255, Day: today(now)}
	}
	for range 200 {
		w.says(newKey(t), slander(proven), slander(newcomer))
	}
	if s := w.of(proven); s != before || s.Score < 0.8 {
		t.Errorf("strangers: %+v, before %+v", s, before)
	}
	w.says(friend, slander(proven), slander(newcomer))
	for name, peer := range map[string]*identity.Key{"proven": proven, "newcomer": newcomer} {
		s := w.of(peer)
		if !s.Suspect || s.Fraud {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := w.of(proven); s.Score != before.Score || s.Direct != before.Direct {
		t.Errorf("a friend: %+v, before %+v", s, before)
	}
	// Old news and a few mishaps among much good are none.
	w.says(proven, wire.Opinion{Subject: friend.PubKey(), Bad: 255, Day: today(now) - 31},
		wire.Opinion{Subject: newKey(t).PubKey(), Good: 80, Bad: 8, Day: today(now)})
	if s := w.of(friend); s.Suspect {
		t.Errorf("old news: %+v", s)
	}
}

// TestOwnDigest wants the digest that tells others no more than is known.
func TestOwnDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.book.Opinions()
	if _, err := o.Own(w.me, "main", now); err != reputation.ErrNothing {
		t.Fatal(err)
	}
	good, bad, shy := newKey(t), newKey(t), newKey(t)
	for range 7 {
		w.pay(good, 1)
	}
	p := parties{w.me, bad}
	r := p.receipt(900)
	r.Verdict, r.Blame, r.Amount, r.PayRef, r.Label = wire.VerdictBad, wire.BlameProvider, 0, "", wire.LabelReplicated
	issue(t, w.book.Ledger(), w.me, r, now)
	p = parties{w.me, shy} // never countersigned: nobody is told
	issue(t, w.book.Ledger(), w.me, p.receipt(901), now)
	e, err := o.Own(w.me, "main", now)
	if err != nil {
		t.Fatal(err)
	}
	d, err := wire.Decode[wire.Digest](e)
	if err != nil || d.Network != "main" || len(d.Rows) != 2 {
		t.Fatalf("%+v %v", d, err)
	}
	i := slices.IndexFunc(d.Rows, func(o wire.Opinion) bool { return o.Subject == good.PubKey() })
	if row := d.Rows[max(i, 0)]; i < 0 || row.Good != wire.Quantize(7) || row.Bad != 0 || row.Value != wire.Quantize(7) || row.Day != today(now) {
		t.Errorf("%+v", d.Rows)
	}
	if row := d.Rows[1-max(i, 0)]; row.Subject != bad.PubKey() || row.Good != 0 || row.Bad != wire.Quantize(3) || row.Value != 0 {
		t.Errorf("%+v", d.Rows)
	}
	if got, _, ok := o.Digest(w.me.PubKey()); !ok || len(got.Rows) != 2 {
		t.Errorf("%+v", got)
	}
	// A year later there is nothing left to say, and that is said once more.
	if e, err = o.Own(w.me, "main", now.Add(1200*day)); err != nil {
		t.Fatal(err)
	}
	if d, err := wire.Decode[wire.Digest](e); err != nil || len(d.Rows) != 0 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestDigestTellsOfTheBestKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var keys []*identity.Key
	for i := range wire.MaxOpinions + 6 {
		keys = append(keys, newKey(t))
		w.pay(keys[i], uint64(1+i/8))
	}
	d, err := w.book.Ledger().Digest(now, "main")
	if err != nil || len(d.Rows) != wire.MaxOpinions || d.Validate() != nil {
		t.Fatalf("%d rows, %v", len(d.Rows), err)
	}
	for _, k := range keys[8:] {
		if !slices.ContainsFunc(d.Rows, func(o wire.Opinion) bool { return o.Subject == k.PubKey() }) {
			t.Error("one of whom much is known is left out")
		}
	}
}
