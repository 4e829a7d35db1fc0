package negentropy_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	other "github.com/nbd-wtf/go-nostr/nip77/negentropy"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy/storage/vector"
	"pgregory.net/rapid"

	"infernet.tech/infernet/gossip/negentropy"
)

func item(n int) negentropy.Item {
	id := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return negentropy.Item{At: 1_700_000_000 + int64(n/5), ID: id} // five a second
}

func items(from, to int) (out []negentropy.Item) {
	for n := from; n < to; n++ {
		out = append(out, item(n))
	}
	return out
}

type ids map[[32]byte]bool

func setOf(list []negentropy.Item) ids {
	s := ids{}
	for _, it := range list {
		s[it.ID] = true
	}
	return s
}

func (s ids) without(o ids) ids {
	out := ids{}
	for id := range s {
		if !o[id] {
			out[id] = true
		}
	}
	return out
}

// result is what a reconciliation found and what it cost.
type result struct {
	have, need    ids
	rounds, bytes int
}

// reconcile runs both sides.
func reconcile(t rapid.TB, a, b *negentropy.Vector, limit int) result {
	t.Helper()
	r := result{have: ids{}, need: ids{}}
	msg := a.Start()
	for msg != nil {
		r.rounds++
		answer, err := b.Answer(msg, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer) > limit {
			t.Fatalf("an answer of %d bytes, limit %d", len(answer), limit)
		}
		r.bytes += len(msg) + len(answer)
		var d negentropy.Difference
		if msg, d, err = a.Next(answer, limit); err != nil {
			t.Fatal(err)
		}
		r.add(d)
		if len(msg) > limit || r.rounds > 200 {
			t.Fatalf("message of %d bytes in round %d", len(msg), r.rounds)
		}
	}
	return r
}

func (r result) add(d negentropy.Difference) {
	for _, id := range d.Have {
		r.have[id] = true
	}
	for _, id := range d.Need {
		r.need[id] = true
	}
}

func (r result) check(t rapid.TB, a, b []negentropy.Item) {
	t.Helper()
	as, bs := setOf(a), setOf(b)
	if !maps.Equal(r.have, as.without(bs)) || !maps.Equal(r.need, bs.without(as)) {
		t.Fatalf("found %d had and %d needed, want %d and %d",
			len(r.have), len(r.need), len(as.without(bs)), len(bs.without(as)))
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b             []negentropy.Item
		limit            int
		rounds, maxBytes int
	}{
		"both empty":     {nil, nil, 1 << 16, 1, 20},
		"one empty":      {items(0, 3000), nil, 1 << 16, 2, 3000 * 40},
		"other empty":    {nil, items(0, 1000), 1 << 16, 1, 1000 * 33},
		"equal":          {items(0, 10_000), items(0, 10_000), 1 << 16, 1, 600},
		"one missing":    {items(0, 9999), items(0, 10_000), 1 << 16, 4, 4000},
		"small limit":    {items(0, 4000), items(2000, 6000), negentropy.MinLimit, 200, 400_000},
		"halves differ":  {items(0, 4000), items(2000, 6000), 1 << 16, 8, 300_000},
		"disjoint times": {items(0, 500), items(500, 1000), 1 << 16, 8, 70_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := slices.Clone(c.a), slices.Clone(c.b)
			r := reconcile(t, negentropy.NewVector(a), negentropy.NewVector(b), c.limit)
			r.check(t, c.a, c.b)
			t.Logf("%d rounds, %d bytes", r.rounds, r.bytes)
			if r.rounds > c.rounds || r.bytes > c.maxBytes {
				t.Errorf("%d rounds and %d bytes, at most %d and %d", r.rounds, r.bytes, c.rounds, c.maxBytes)
			}
		})
	}
}

// Whatever two sets hold, and however little fits in a message, both differences
// are found exactly.
func TestReconcileAnySets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 600).Draw(t, "n")
		spread := rapid.IntRange(1, 50).Draw(t, "spread")
		part := rapid.SliceOfN(rapid.IntRange(0, 9), n, n).Draw(t, "part")
		var a, b []negentropy.Item
		for i, p := range part {
			it := item(i)
			it.At = int64(i / spread)
			if p != 1 {
				a = append(a, it)
			}
			if p != 2 {
				b = append(b, it)
			}
		}
		limit := rapid.SampledFrom([]int{negentropy.MinLimit, 1 << 13, 1 << 16}).Draw(t, "limit")
		r := reconcile(t, negentropy.NewVector(slices.Clone(a)), negentropy.NewVector(slices.Clone(b)), limit)
		r.check(t, a, b)
	})
}

func theirs(list []negentropy.Item) *other.Negentropy {
	s := vector.New()
	for _, it := range list {
		s.Insert(nostr.Timestamp(it.At), hex.EncodeToString(it.ID[:]))
	}
	s.Seal()
	return other.New(s, 1<<16)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Another implementation of the protocol understands this one, on either side.
func TestOtherImplementationAnswers(t *testing.T) {
	t.Parallel()
	a, b := append(items(0, 3000), items(3500, 3507)...), append(items(100, 2500), items(3000, 4000)...)
	va, nb := negentropy.NewVector(slices.Clone(a)), theirs(b)
	r := result{have: ids{}, need: ids{}}
	for msg := va.Start(); msg != nil; r.rounds++ {
		answer, err := nb.Reconcile(hex.EncodeToString(msg))
		if err != nil {
			t.Fatal(err)
		}
		var d negentropy.Difference
		if msg, d, err = va.Next(unhex(t, answer), 1<<16); err != nil {
			t.Fatal(err)
		}
		r.add(d)
	}
	r.check(t, a, b)
}

func TestOtherImplementationBegins(t *testing.T) {
	t.Parallel()
	a, b := append(items(0, 3000), items(3500, 3507)...), append(items(100, 2500), items(3000, 4000)...)
	na, vb := theirs(a), negentropy.NewVector(slices.Clone(b))
	r := result{have: ids{}, need: ids{}}
	var wg sync.WaitGroup
	collect := func(into ids, from <-chan string) {
		for s := range from {
			into[[32]byte(unhex(t, s))] = true
		}
	}
	wg.Go(func() { collect(r.have, na.Haves) })
	wg.Go(func() { collect(r.need, na.HaveNots) })
	msg := na.Start()
	for msg != "" {
		answer, err := vb.Answer(unhex(t, msg), 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		if msg, err = na.Reconcile(hex.EncodeToString(answer)); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	r.check(t, a, b)
}

func TestVectorDropsWhatCannotBeSaid(t *testing.T) {
	t.Parallel()
	v := negentropy.NewVector([]negentropy.Item{item(9), item(1), item(9), {At: -1}, {At: 1<<63 - 1}})
	if !slices.Equal(v.Items(), []negentropy.Item{item(1), item(9)}) {
		t.Errorf("%d items", v.Len())
	}
}

func BenchmarkVector20k(b *testing.B) {
	list := items(0, 20_000)
	for b.Loop() {
		negentropy.NewVector(slices.Clone(list))
	}
}

func BenchmarkReconcile20k(b *testing.B) {
	x, y := negentropy.NewVector(items(0, 20_000)), negentropy.NewVector(items(200, 20_200))
	for b.Loop() {
		reconcile(b, x, y, 1<<16)
	}
}
