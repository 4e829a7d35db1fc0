package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDisclosuresHoldAllRows(t *testing.T) {
	t.Parallel()
	job, provider, secret := testID(1), testKey(t, 2).PubKey(), testID(3)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 3*MaxDrawn).Draw(rt, "rows")
		rows := make([]Drawn, n)
		for i := range rows {
			rows[i] = Drawn{Shard: uint32(n - i), Attempt: uint32(i % 9), RatePPM: uint32(i), Audited: i%2 == 0}
		}
		docs := Disclosures(job, provider, secret, 50_000, rows)
		var back []Drawn
		for i, d := range docs {
			if err := d.Validate(); err != nil {
				rt.Fatal(err)
			}
			if d.Last != (i == len(docs)-1) || d.Secret != secret {
				rt.Fatalf("document %d of %d: %+v", i, len(docs), d)
			}
			back = append(back, d.Rows...)
		}
		if len(back) != n {
			rt.Fatalf("%d rows of %d", len(back), n)
		}
		for _, r := range rows {
			if got, ok := docs[(r.Shard-1)/MaxDrawn].Row(r.Shard, r.Attempt); !ok || got != r {
				rt.Fatalf("row %+v is %+v", r, got)
			}
		}
	})
}

func TestDisclosureReplay(t *testing.T) {
	t.Parallel()
	d := Disclosure{Job: testID(1), Secret: testID(2)}
	for shard := range uint32(200) {
		c := testID(byte(shard))
		row := Drawn{Shard: shard, Attempt: 5, RatePPM: 300_000}
		row.Audited = Audited(AuditDraw(d.Secret, d.Job, shard, 5, c), row.RatePPM)
		if !d.Replay(row, c) {
			t.Fatalf("an honest row of shard %d does not replay", shard)
		}
		row.Audited = !row.Audited
		if d.Replay(row, c) {
			t.Fatalf("a false row of shard %d replays", shard)
		}
	}
}

func TestDisclosureRefuses(t *testing.T) {
	t.Parallel()
	base := by(t, 1, Disclosure{Job: testID(1), Provider: testKey(t, 2).PubKey(), Secret: testID(3),
		Rows: []Drawn{{1, 2, 3, true}, {1, 3, 3, false}}})
	if base.Content != "1,2,3,1;1,3,3,0" {
		t.Fatalf("%q", base.Content)
	}
	for _, content := range []string{
		";", "1,2,3,1;", "1,2,3", "1,2,3,1,0", "1,2,3,2", "1,2,3,1;1,2,3,0", "2,1,3,1;1,3,3,0", "01,2,3,1", "1,2,1000001,1",
		"-1,2,3,1", "1,2,3,1\n", "4294967296,2,3,1", strings.Repeat("1,1,1,1;", MaxDrawn) + "2,2,2,1", strings.Repeat(";", 100_000),
	} {
		e := resigned(t, base, func(e *Event) { e.Content = content })
		if got, err := Decode[Disclosure](e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.30q: %+v %v", content, got.Rows, err)
		}
	}
	self := resigned(t, base, func(e *Event) { setTag(e, "p", e.PubKey.Hex()) })
	if _, err := Decode[Disclosure](self); !errors.Is(err, ErrInvalid) {
		t.Errorf("to itself: %v", err)
	}
	none, err := Decode[Disclosure](resigned(t, base, func(e *Event) { e.Content = "" }))
	if err != nil || !reflect.DeepEqual(none.Rows, []Drawn(nil)) {
		t.Errorf("%+v %v", none, err)
	}
}
