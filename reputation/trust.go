package reputation

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation/flow"
)

// Bounds of the neighbourhood whose word is weighed, about 10 MiB when full.
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
	at      time.Time
	version uint64
	own     map[identity.PubKey]uint64    // capacity from here
	paid    map[identity.PubKey][]payment // by who was paid
	share   map[identity.PubKey]float64   // of all that was paid from here
	bad     map[identity.PubKey]bool      // bad news of somebody near
	near    map[identity.PubKey]bool      // whose digests were read, or would be
	said    map[identity.PubKey]map[identity.PubKey]word
	flows   map[identity.PubKey]uint64 // computed so far
}

// payment is an edge of the neighbourhood.
type payment struct {
	from identity.PubKey
	most uint64
}

// word is what an author says of a subject.
type word struct {
	good, bad, value float64
	day              uint16
}

// Via is an author whose word of a peer counts.
type Via struct {
	Peer  identity.PubKey `json:"peer"`
	Value float64         `json:"value"` // reference amounts that it says it paid
	Good  float64         `json:"good"`
	Bad   float64         `json:"bad"`
}

// capacity rounds down, and far below what would overflow a sum.
func capacity(v float64) uint64 { return uint64(min(max(v, 0)*milli, 1<<40)) }

// look draws the picture anew.
func (b *Book) look(now time.Time) (*trust, error) {
	own, err := b.ledger.paid(now)
	if err != nil {
		return nil, err
	}
	t := &trust{
		at: now, own: map[identity.PubKey]uint64{}, paid: map[identity.PubKey][]payment{}, share: map[identity.PubKey]float64{},
		bad: map[identity.PubKey]bool{}, near: map[identity.PubKey]bool{}, said: map[identity.PubKey]map[identity.PubKey]word{},
		flows: map[identity.PubKey]uint64{},
	}
	b.opinions.mu.Lock()
	t.version = b.opinions.version
	b.opinions.mu.Unlock()
	direct := byMost(own, maxDirect)
	for _, p := range direct {
		t.own[p] = capacity(own[p])
		t.near[p] = true
	}
	first := map[identity.PubKey]float64{}
	for _, p := range direct {
		b.hear(t, now, p)
		t.spread(p, float64(t.own[p]), first)
	}
	second := map[identity.PubKey]float64{}
	for _, p := range byMost(first, maxNear) {
		if !t.near[p] && len(t.near) < maxNear {
			t.near[p] = true
			b.hear(t, now, p)
		}
		t.spread(p, first[p], second)
	}
	for p, v := range first {
		t.share[p] += v
	}
	for p, v := range second {
		t.share[p] += v
	}
	for author, words := range t.said {
		if t.own[author] > 0 || first[author] > 0 {
			t.warn(now, words)
		}
	}
	for _, list := range t.paid {
		slices.SortFunc(list, func(a, b payment) int { return bytes.Compare(a.from[:], b.from[:]) })
	}
	return t, nil
}

// byMost returns the keys with the most, most first.
func byMost(m map[identity.PubKey]float64, limit int) []identity.PubKey {
	keys := make([]identity.PubKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b identity.PubKey) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), bytes.Compare(a[:], b[:]))
	})
	return keys[:min(len(keys), limit)]
}

// hear reads what an author says. The word of one who is proven a fraud is
// worth nothing, nor is what is said of this node itself.
func (b *Book) hear(t *trust, now time.Time, author identity.PubKey) {
	d, at, ok := b.opinions.Digest(author)
	if !ok || b.proven(now, author) {
		return
	}
	age := max(now.Sub(time.Unix(at, 0)), 0)
	good, bad := decay(age, b.ledger.params.HalfGood), decay(age, b.ledger.params.HalfBad)
	words := make(map[identity.PubKey]word, len(d.Rows))
	for _, r := range d.Rows {
		if r.Subject == b.ledger.self {
			continue
		}
		w := word{wire.Unquantize(r.Good) * good, wire.Unquantize(r.Bad) * bad, wire.Unquantize(r.Value) * good, r.Day}
		words[r.Subject] = w
		if most := capacity(w.value); most > 0 {
			t.paid[r.Subject] = append(t.paid[r.Subject], payment{author, most})
		}
	}
	t.said[author] = words
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

// spread passes what reached an author on to those it paid: to each its part of
// all the author paid, and never more than it got.
func (t *trust) spread(author identity.PubKey, reached float64, to map[identity.PubKey]float64) {
	words := t.said[author]
	var all float64
	for _, w := range words {
		all += float64(capacity(w.value))
	}
	if all == 0 {
		return
	}
	for subject, w := range words {
		to[subject] += float64(capacity(w.value)) * min(1, reached/all)
	}
}

// Bad news is worth a closer look when it is of about one wrong result or more,
// of a tenth of all, and not old.
const (
	warnBad   = 1
	warnShare = 0.1
	warnDays  = 30
)

func (t *trust) warn(now time.Time, words map[identity.PubKey]word) {
	for subject, w := range words {
		fresh := int(day(now))-int(w.day) <= warnDays
		if fresh && w.bad >= warnBad && w.bad > warnShare*(w.good+w.bad) {
			t.bad[subject] = true
		}
	}
}

// reach returns what reaches a peer through others, in reference amounts.
func (t *trust) reach(peer identity.PubKey) float64 {
	share := t.share[peer]
	if share <= 0 {
		return 0
	}
	f, ok := t.flows[peer]
	if !ok {
		f = t.flow(peer)
		t.flows[peer] = f
	}
	return math.Min(float64(f), share) / milli
}

// flow is the maximum flow from here to a peer over one or two others. Each
// author is two nodes: as one paid from here, and as one that pays the peer,
// which is where both kinds of way meet; so no edge is counted twice.
func (t *trust) flow(peer identity.PubKey) uint64 {
	last := t.paid[peer]
	index := map[identity.PubKey]int{}
	node := func(p identity.PubKey) int {
		if i, ok := index[p]; ok {
			return i
		}
		index[p] = 2 + 2*len(index)
		return index[p]
	}
	type edge struct {
		from, to int
		most     uint64
	}
	var edges []edge
	reached := map[identity.PubKey]bool{}
	enter := func(p identity.PubKey) {
		if p != peer && t.own[p] > 0 && !reached[p] {
			reached[p] = true
			edges = append(edges, edge{0, node(p), t.own[p]}, edge{node(p), node(p) + 1, flow.Unlimited})
		}
	}
	for _, v := range last {
		edges = append(edges, edge{node(v.from) + 1, 1, v.most})
		enter(v.from)
		for _, u := range t.paid[v.from] {
			if u.from != peer && t.own[u.from] > 0 {
				enter(u.from)
				edges = append(edges, edge{node(u.from), node(v.from) + 1, u.most})
			}
		}
	}
	g := flow.New(2 + 2*len(index))
	for _, e := range edges {
		g.Edge(e.from, e.to, e.most)
	}
	return g.Max(0, 1)
}

// maxVia bounds the authors that an explanation names.
const maxVia = 16

// via lists those near who speak of peer.
func (t *trust) via(peer identity.PubKey) (out []Via) {
	for author, words := range t.said {
		if w, ok := words[peer]; ok {
			out = append(out, Via{author, w.value, w.good, w.bad})
		}
	}
	slices.SortFunc(out, func(a, b Via) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), bytes.Compare(a.Peer[:], b.Peer[:]))
	})
	return out[:min(len(out), maxVia)]
}
