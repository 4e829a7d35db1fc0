package reputation

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation/flow"
)

// Bounds of the neighbourhood whose word is weighed, about 7 MiB when full.
const (
	maxDirect = 1024 // peers that this node paid
	maxNear   = 2048 // those and the ones they paid
)

// trustTime is how long one picture of the neighbourhood serves; a document
// that changes it ends it at once.
const trustTime = 10 * time.Minute

// milli is the unit of capacities: a thousandth of a reference amount.
const milli = 1000

// trust is the neighbourhood at one time: who paid whom how much, as far as
// this node's own money reaches in two steps. A third leads to the peer asked
// about.
//
// The word of others counts by two bounds. Max-flow (as in BarterCast, Meulpolder
// et al. 2009) holds what reaches any one peer to what passed each edge on the
// way; shares hold what reaches all peers together to what this node paid, or
// each of a thousand identities behind one edge could claim it whole.
type trust struct {
	at       time.Time
	version  uint64
	authors  []author
	near     map[identity.PubKey]bool
	mentions []mention                  // by subject and author
	flows    map[identity.PubKey]uint64 // computed so far
}

// author is one whose word is heard.
type author struct {
	key       identity.PubKey
	own       uint64  // capacity from here
	reached   float64 // part of its payments that money from here covers, over both kinds of way
	good, bad float64 // what age leaves of its digest
}

// mention is one row of a digest.
type mention struct {
	wire.Opinion
	author int32
	most   uint64 // capacity from the author to the subject
}

// Via is an author whose word of a peer counts.
type Via struct {
	Peer  identity.PubKey `json:"peer"`
	Value float64         `json:"value"` // reference amounts that it says it paid
	Good  float64         `json:"good"`
	Bad   float64         `json:"bad"`
}

// capacity rounds down, and stays far below what would overflow a sum.
func capacity(v float64) uint64 { return uint64(min(max(v, 0)*milli, 1<<40)) }

// look draws the picture anew.
func (b *Book) look(now time.Time) (*trust, error) {
	own, err := b.ledger.paid(now)
	if err != nil {
		return nil, err
	}
	t := &trust{at: now, near: map[identity.PubKey]bool{}, flows: map[identity.PubKey]uint64{}}
	b.opinions.mu.Lock()
	t.version = b.opinions.version
	b.opinions.mu.Unlock()
	for _, p := range byMost(own, maxDirect) {
		b.hear(t, now, p, capacity(own[p]))
	}
	// What reaches those whom the first paid; each is then heard as well.
	second := map[identity.PubKey]float64{}
	paid := t.payments()
	for _, m := range t.mentions {
		a := t.authors[m.author]
		second[m.Subject] += float64(m.most) * covered(float64(a.own), paid[m.author])
	}
	for _, p := range byMost(second, maxNear) {
		if len(t.near) < maxNear {
			b.hear(t, now, p, 0)
		}
	}
	for i, all := range t.payments() {
		a := &t.authors[i]
		a.reached = covered(float64(a.own), all) + covered(second[a.key], all)
	}
	slices.SortFunc(t.mentions, func(a, b mention) int {
		return cmp.Or(bytes.Compare(a.Subject[:], b.Subject[:]), cmp.Compare(a.author, b.author))
	})
	return t, nil
}

// payments sums up what each author says it paid.
func (t *trust) payments() []float64 {
	all := make([]float64, len(t.authors))
	for _, m := range t.mentions {
		all[m.author] += float64(m.most)
	}
	return all
}

// covered is the part of an author's payments that what reached it covers.
func covered(reached, all float64) float64 {
	if all <= 0 {
		return 0
	}
	return min(1, reached/all)
}

// byMost returns the keys with the most, most first.
func byMost(m map[identity.PubKey]float64, limit int) []identity.PubKey {
	keys := make([]identity.PubKey, 0, len(m))
	for k, v := range m {
		if v > 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b identity.PubKey) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), bytes.Compare(a[:], b[:]))
	})
	return keys[:min(len(keys), limit)]
}

// hear reads what an author says, once. The word of one who is proven a fraud
// is worth nothing, nor is what is said of this node itself.
func (b *Book) hear(t *trust, now time.Time, key identity.PubKey, own uint64) {
	if t.near[key] {
		return
	}
	t.near[key] = true
	d, at, ok := b.opinions.Digest(key)
	if !ok || b.proven(now, key) {
		return
	}
	age := max(now.Sub(time.Unix(at, 0)), 0)
	a := author{key: key, own: own, good: decay(age, b.ledger.params.HalfGood), bad: decay(age, b.ledger.params.HalfBad)}
	i := len(t.authors)
	t.authors = append(t.authors, a)
	for _, r := range d.Rows {
		if r.Subject != b.ledger.self {
			t.mentions = append(t.mentions, mention{r, int32(i), capacity(wire.Unquantize(r.Value) * a.good)})
		}
	}
}

// proven reports whether there is a proof of fraud that still counts.
func (b *Book) proven(now time.Time, peer identity.PubKey) bool {
	for _, f := range b.opinions.Frauds(peer) {
		if now.Sub(f.When) < b.ledger.params.FraudTime {
			return true
		}
	}
	return false
}

// of returns what is said of a peer.
func (t *trust) of(peer identity.PubKey) []mention {
	compare := func(m mention, p identity.PubKey) int { return bytes.Compare(m.Subject[:], p[:]) }
	from, _ := slices.BinarySearchFunc(t.mentions, peer, compare)
	to := from
	for to < len(t.mentions) && t.mentions[to].Subject == peer {
		to++
	}
	return t.mentions[from:to]
}

// Bad news is worth a closer look when it is of about one wrong result or more,
// of a tenth of all, and not old.
const (
	warnBad   = 1
	warnShare = 0.1
	warnDays  = 30
)

// suspect reports whether somebody near has bad news of a peer.
func (t *trust) suspect(now time.Time, peer identity.PubKey) bool {
	for _, m := range t.of(peer) {
		a := t.authors[m.author]
		good, bad := wire.Unquantize(m.Good)*a.good, wire.Unquantize(m.Bad)*a.bad
		fresh := int(day(now))-int(m.Day) <= warnDays
		if fresh && bad >= warnBad && bad > warnShare*(good+bad) {
			return true
		}
	}
	return false
}

// reach returns what reaches a peer through others, in reference amounts.
func (t *trust) reach(peer identity.PubKey) float64 {
	var share float64
	for _, m := range t.of(peer) {
		share += float64(m.most) * t.authors[m.author].reached
	}
	if share <= 0 {
		return 0
	}
	f, ok := t.flows[peer]
	if !ok {
		f = t.flow(peer)
		t.flows[peer] = f
	}
	return min(float64(f), share) / milli
}

// flow is the maximum flow from here to a peer over one or two others. Each
// author is two nodes: as one paid from here, and as one that pays the peer,
// which is where both kinds of way meet; so no edge is counted twice.
func (t *trust) flow(peer identity.PubKey) uint64 {
	const source, sink = 0, 1
	g := flow.New(2 + 2*len(t.authors))
	entered := map[int32]bool{}
	enter := func(i int32) int {
		if !entered[i] {
			entered[i] = true
			g.Edge(source, int(2+2*i), t.authors[i].own)
			g.Edge(int(2+2*i), int(3+2*i), flow.Unlimited)
		}
		return int(2 + 2*i)
	}
	for _, v := range t.of(peer) {
		g.Edge(int(3+2*v.author), sink, v.most)
		enter(v.author)
		for _, u := range t.of(t.authors[v.author].key) {
			if t.authors[u.author].own > 0 && t.authors[u.author].key != peer {
				g.Edge(enter(u.author), int(3+2*v.author), u.most)
			}
		}
	}
	return g.Max(source, sink)
}

// maxVia bounds the authors that an explanation names.
const maxVia = 16

// via lists those near who speak of peer.
func (t *trust) via(peer identity.PubKey) (out []Via) {
	for _, m := range t.of(peer) {
		a := t.authors[m.author]
		out = append(out, Via{a.key, wire.Unquantize(m.Value) * a.good, wire.Unquantize(m.Good) * a.good, wire.Unquantize(m.Bad) * a.bad})
	}
	slices.SortFunc(out, func(a, b Via) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), bytes.Compare(a.Peer[:], b.Peer[:]))
	})
	return out[:min(len(out), maxVia)]
}
