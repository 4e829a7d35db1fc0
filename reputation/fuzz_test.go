package reputation_test

import (
	"errors"
	"testing"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// FuzzOpinions gives any document as an opinion: it is refused for a reason
// that callers know, or it is in the set, and a restart finds the same.
func FuzzOpinions(f *testing.F) {
	author, x := newKey(f), newKey(f)
	good := digest(f, author, now, wire.Opinion{Subject: x.PubKey(), Good: 1, Bad: 2, Value: 3, Day: 4})
	proof := caught(f, author, x, now)
	f.Add(int(good.Kind), good.CreatedAt, "d", "main", good.Content)
	f.Add(int(proof.Kind), proof.CreatedAt, "p", x.PubKey().Hex(), proof.Content)
	f.Fuzz(func(t *testing.T, kind int, at int64, name, value, content string) {
		e := wire.Event{PubKey: author.PubKey(), CreatedAt: at, Kind: wire.Kind(kind), Content: content, ID: wire.ID{1},
			Tags: [][]string{{"v", "1"}, {name, value}, {"fault", wire.FaultTwoCommits}}}
		s := store.NewMem()
		me := newKey(t)
		o := newBook(t, me, s).Opinions()
		fresh, err := o.Add(e, now)
		known := false
		for _, want := range []error{nil, reputation.ErrStale, reputation.ErrFuture, reputation.ErrFalse} {
			known = known || errors.Is(err, want)
		}
		if !known || fresh != (err == nil) || fresh != (o.Len() == 1) {
			t.Fatalf("%v %v, %d held", fresh, err, o.Len())
		}
		b := newBook(t, me, s)
		if b.Opinions().Len() != o.Len() {
			t.Fatal("a restart finds something else")
		}
		standing(t, b, now, x.PubKey(), reputation.App{}, "")
	})
}
