package reputation_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// digest signs opinions of an author; rows are sorted.
func digest(t testing.TB, author *identity.Key, at time.Time, rows ...wire.Opinion) wire.Event {
	t.Helper()
	slices.SortFunc(rows, func(a, b wire.Opinion) int { return slices.Compare(a.Subject[:], b.Subject[:]) })
	e, err := wire.Seal(author, wire.Digest{Network: "main", Rows: rows}, at)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func today(at time.Time) uint16 { return uint16(at.Unix() / 86400) }

// caught is a proof that subject made two commits of an attempt.
func caught(t testing.TB, by, subject *identity.Key, at time.Time) wire.Event {
	t.Helper()
	var docs []wire.Event
	for i := range byte(2) {
		c := wire.Commit{Job: wire.ID{1}, Shard: 1, Attempt: 1, C: wire.ID{2, i}, StartedMS: 1, EndedMS: 2, Aggregator: by.PubKey()}
		e, err := wire.Seal(subject, c, at)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, e)
	}
	e, err := wire.Seal(by, wire.FraudProof{Subject: subject.PubKey(), Fault: wire.FaultTwoCommits, Docs: docs}, at)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestOpinionsAreOneOfEachAuthor(t *testing.T) {
	t.Parallel()
	me, a, x := newKey(t), newKey(t), newKey(t)
	s := store.NewMem()
	o := newBook(t, me, s).Opinions()
	row := wire.Opinion{Subject: x.PubKey(), Good: 9, Day: today(now)}
	first, second := digest(t, a, now.Add(-time.Hour), row), digest(t, a, now, row)
	for i, c := range []struct {
		e     wire.Event
		fresh bool
		err   error
	}{
		{first, true, nil}, {first, false, nil}, {second, true, nil}, {first, false, reputation.ErrStale}, {second, false, nil},
		{digest(t, a, now.Add(11*time.Minute), row), false, reputation.ErrFuture},
		{digest(t, newKey(t), now.Add(-91*day), row), false, reputation.ErrStale},
		{digest(t, newKey(t), now.Add(9*time.Minute), row), true, nil},
		{func() wire.Event { e := digest(t, x, now); e.Content = "nonsense"; return e }(), false, reputation.ErrFalse},
		{newParties(t).sign(t, newParties(t).receipt(0), now), false, reputation.ErrFalse},
	} {
		if fresh, err := o.Add(c.e, now); fresh != c.fresh || !errors.Is(err, c.err) {
			t.Errorf("case %d: %v %v, want %v %v", i, fresh, err, c.fresh, c.err)
		}
	}
	if _, ok := o.Get(first.ID); ok || o.Len() != 2 {
		t.Errorf("the older digest is held, of %d", o.Len())
	}
	got, ok := o.Get(second.ID)
	if !ok || string(got.Bytes()) != string(second.Bytes()) {
		t.Error("what was taken is not what is given")
	}
	// A restart keeps it all.
	again := newBook(t, me, s).Opinions()
	if !slices.Equal(again.Items(), o.Items()) || again.Len() != 2 {
		t.Errorf("%v, before %v", again.Items(), o.Items())
	}
	if fresh, err := again.Add(first, now); fresh || !errors.Is(err, reputation.ErrStale) {
		t.Errorf("%v %v", fresh, err)
	}
	if n, err := again.Prune(now.Add(90*day + time.Minute)); err != nil || n != 1 || again.Len() != 1 {
		t.Errorf("%d %v", n, err)
	}
	wrong := reputation.Default()
	wrong.Network = "other"
	elsewhere, err := reputation.NewBook(me.PubKey(), store.NewMem(), wrong)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.Opinions().Add(second, now); !errors.Is(err, reputation.ErrFalse) {
		t.Errorf("a digest of another network: %v", err)
	}
}

func TestProofsAreOneOfEachFault(t *testing.T) {
	t.Parallel()
	me, a, b, x := newKey(t), newKey(t), newKey(t), newKey(t)
	s := store.NewMem()
	book := newBook(t, me, s)
	o := book.Opinions()
	old, fresh := caught(t, a, x, now.Add(-10*day)), caught(t, b, x, now.Add(-day))
	for i, c := range []struct {
		e     wire.Event
		fresh bool
		err   error
	}{
		{old, true, nil}, {fresh, true, nil}, {old, false, reputation.ErrStale}, {fresh, false, nil},
		{caught(t, a, x, now.Add(time.Hour)), false, reputation.ErrFuture},
		{caught(t, a, newKey(t), now.Add(-181*day)), false, reputation.ErrStale},
		{func() wire.Event { e := caught(t, a, b, now); e.Tags[1][1] = a.PubKey().Hex(); return e }(), false, reputation.ErrFalse},
	} {
		if fresh, err := o.Add(c.e, now); fresh != c.fresh || !errors.Is(err, c.err) {
			t.Errorf("case %d: %v %v, want %v %v", i, fresh, err, c.fresh, c.err)
		}
	}
	for _, o := range []*reputation.Opinions{o, newBook(t, me, s).Opinions()} {
		all := o.Frauds(identity.PubKey{})
		if len(all) != 1 || all[0].Subject != x.PubKey() || all[0].ID != fresh.ID || all[0].Author != b.PubKey() || !all[0].When.Equal(now.Add(-day)) {
			t.Errorf("%+v", all)
		}
		if got := o.Frauds(a.PubKey()); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	}
	if st := standing(t, book, now, x.PubKey(), reputation.App{}, ""); !st.Fraud || st.Score != 0 || !st.Suspect {
		t.Errorf("%+v", st)
	}
	if n, err := o.Prune(now.Add(180 * day)); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
}

// TestOpinionsConverge gives the same documents in any order, some more than
// once, and wants the same set.
func TestOpinionsConverge(t *testing.T) {
	t.Parallel()
	var docs []wire.Event
	for range 4 {
		author, x := newKey(t), newKey(t)
		for i := range 4 { // two of one second
			docs = append(docs, digest(t, author, now.Add(time.Duration(i/2)*time.Hour-day), wire.Opinion{Subject: x.PubKey(), Good: uint8(i)}))
		}
		docs = append(docs, caught(t, author, x, now.Add(-day)), caught(t, newKey(t), x, now.Add(-day)), caught(t, newKey(t), x, now.Add(-2*day)))
	}
	me := newKey(t)
	var want []reputation.Entry
	rapid.Check(t, func(rt *rapid.T) {
		book, err := reputation.NewBook(me.PubKey(), store.NewMem(), reputation.Default())
		if err != nil {
			rt.Fatal(err)
		}
		o := book.Opinions()
		order := rapid.Permutation(docs).Draw(rt, "order")
		for i, e := range order {
			if _, err := o.Add(e, now); err != nil && !errors.Is(err, reputation.ErrStale) {
				rt.Fatal(err)
			}
			if i%3 == 0 { // heard again
				o.Add(order[i/2], now)
			}
		}
		if want == nil {
			want = o.Items()
		}
		if got := o.Items(); !slices.Equal(got, want) || len(got) != 8 {
			rt.Fatalf("%v, want %v", got, want)
		}
	})
}

// plain is a store without history: what it holds is not counted as memory of
// what is under test.
type plain map[string][]byte

func (p plain) View(fn func(store.Reader) error) error { return fn(p) }
func (p plain) Update(fn func(store.Txn) error) error  { return fn(p) }
func (p plain) Close() error                           { return nil }
func (p plain) Set(k, v []byte) error                  { p[string(k)] = slices.Clone(v); return nil }
func (p plain) Delete(k []byte) error                  { delete(p, string(k)); return nil }

func (p plain) Get(k []byte) ([]byte, error) {
	if v, ok := p[string(k)]; ok {
		return v, nil
	}
	return nil, store.ErrNotFound
}

func (p plain) Scan(prefix []byte, fn func(k, v []byte) error) error {
	return p.ScanFrom(prefix, prefix, fn)
}

func (p plain) ScanFrom(prefix, from []byte, fn func(k, v []byte) error) error {
	var keys []string
	for k := range p {
		if len(k) >= len(prefix) && k[:len(prefix)] == string(prefix) && k >= string(from) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := fn([]byte(k), p[k]); err != nil {
			return err
		}
	}
	return nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// drafts makes full digests of strangers quickly. Signatures are checked before
// Add and make no difference there.
type drafts struct {
	random *rand.Rand
	form   wire.Event
}

func newDrafts(t testing.TB) *drafts {
	random := rand.New(rand.NewPCG(1, 2))
	return &drafts{random, digest(t, newKey(t), now, wire.Opinion{Subject: newKey(t).PubKey()})}
}

func (d *drafts) id() (v [32]byte) {
	for i := 0; i < 32; i += 8 {
		binary.LittleEndian.PutUint64(v[i:], d.random.Uint64())
	}
	return v
}

// of returns an author's digest of 64 subjects: those given and strangers. A
// row is the subject and five bytes; the first byte of strangers keeps the order.
func (d *drafts) of(author identity.PubKey, at time.Time) wire.Event {
	rows := make([]byte, 0, wire.MaxOpinions*37)
	for i := range byte(wire.MaxOpinions) {
		subject := d.id()
		subject[0] = i
		rows = append(append(rows, subject[:]...), 50, 50, 255, 80, 80)
	}
	e := d.form
	e.PubKey, e.ID, e.CreatedAt, e.Content = author, d.id(), at.Unix(), base64.RawStdEncoding.EncodeToString(rows)
	return e
}

// TestMemoryOf20000Authors fills the set with full digests of strangers, each
// of 64 subjects nobody else knows, and then comes half as many again.
func TestMemoryOf20000Authors(t *testing.T) {
	if raceDetector {
		t.Skip("measures memory")
	}
	me, d := newKey(t), newDrafts(t)
	s := plain{}
	book := newBook(t, me, s)
	o := book.Opinions()
	refused := 0
	for i := range reputation.MaxAuthors * 3 / 2 {
		if i == reputation.MaxAuthors && o.Len() != reputation.MaxAuthors {
			t.Fatalf("%d of %d are held", o.Len(), i)
		}
		at := now.Add(-time.Duration(d.random.IntN(80*24)) * time.Hour)
		if _, err := o.Add(d.of(d.id(), at), now); errors.Is(err, reputation.ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := o.Len(); n > reputation.MaxAuthors || n < reputation.MaxAuthors*98/100 {
		t.Errorf("%d documents are held", n)
	}
	if refused < reputation.MaxAuthors/16 {
		t.Errorf("%d were refused: the old push out the new", refused)
	}
	if st := standing(t, book, now, d.id(), reputation.App{}, ""); st.Indirect != 0 || st.Suspect {
		t.Errorf("strangers' words weigh: %+v", st)
	}
	before, n := heap(), o.Len()
	book, o = nil, nil
	used := before - heap()
	t.Logf("%d authors: %d bytes in memory, %d each; %d documents in the store", n, used, used/uint64(n), len(s)/2)
	if used > 8<<20 {
		t.Errorf("%d MiB", used>>20)
	}
	runtime.KeepAlive(book)
	runtime.KeepAlive(o)
	// A restart is quick and finds the same.
	began := time.Now()
	if again := newBook(t, me, s).Opinions(); again.Len() != n {
		t.Errorf("%d after a restart, %d before", again.Len(), n)
	}
	t.Logf("opened in %v", time.Since(began))
	runtime.KeepAlive(s)
}

// TestMemoryOfTheNeighbourhood pays peers, in the long form more than are looked
// at, each with a full digest of strangers of whom two have one too.
func TestMemoryOfTheNeighbourhood(t *testing.T) {
	if raceDetector {
		t.Skip("measures memory")
	}
	peers := 110
	if os.Getenv("INFERNET_LONG") != "" {
		peers = 1100
	}
	me, d := newKey(t), newDrafts(t)
	w := &world{t: t, me: me, book: newBook(t, me, store.NewMem())}
	for range peers {
		k := newKey(t)
		w.pay(k, 1)
		e := d.of(k.PubKey(), now)
		if _, err := w.book.Opinions().Add(e, now); err != nil {
			t.Fatal(err)
		}
		read, err := wire.Decode[wire.Digest](e)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range read.Rows[:2] {
			if _, err := w.book.Opinions().Add(d.of(r.Subject, now), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	stranger := identity.PubKey(d.id())
	before := heap()
	began := time.Now()
	standing(t, w.book, now, stranger, reputation.App{}, "")
	t.Logf("the first look took %v", time.Since(began))
	used := int64(heap()) - int64(before)
	t.Logf("the neighbourhood takes %d bytes", used)
	if most := int64(peers) * 12 << 10; used > most {
		t.Errorf("more than %d", most)
	}
	runtime.KeepAlive(w)
}
