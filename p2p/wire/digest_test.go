package wire

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantize(t *testing.T) {
	t.Parallel()
	last := -1.0
	for q := range 256 {
		v := Unquantize(uint8(q))
		if got := Quantize(v); int(got) != q {
			t.Errorf("step %d is %v, which is step %d", q, v, got)
		}
		if v <= last {
			t.Errorf("step %d is not above the one before", q)
		}
		last = v
	}
	for v, want := range map[float64]uint8{
		0: 0, -1: 0, math.NaN(): 0, math.Inf(-1): 0, 0.05: 0, 1: 8, 3: 16, 1023: 80, math.Inf(1): 255, 1e300: 255,
	} {
		if got := Quantize(v); got != want {
			t.Errorf("Quantize(%v) = %d, want %d", v, got, want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.Float64Range(0, 3e9).Draw(rt, "v")
		back := Unquantize(Quantize(v))
		// A ninth is lost at most: 2^(1/8) is less than 1.0906.
		if back > v*(1+1e-8)+1e-9 || (1+back)*1.0906 < 1+v {
			rt.Fatalf("%v became %v", v, back)
		}
	})
}

func TestDigestRefuses(t *testing.T) {
	t.Parallel()
	base := by(t, 1, Digest{Network: "main", Rows: []Opinion{{Subject: testKey(t, 2).PubKey(), Good: 1, Day: 2}}})
	row := base.Content
	if m, err := Decode[Digest](resigned(t, base, func(e *Event) { e.Content = "" })); err != nil || m.Rows != nil {
		t.Errorf("no opinions: %+v %v", m, err)
	}
	for name, content := range map[string]string{
		"twice": strings.Repeat("A", 0) + opinionText([]Opinion{{Subject: testKey(t, 2).PubKey()}, {Subject: testKey(t, 2).PubKey()}}),
		"order": opinionText([]Opinion{{Subject: testKey(t, 3).PubKey()}, {Subject: testKey(t, 2).PubKey()}}),
		"self":  opinionText([]Opinion{{Subject: testKey(t, 1).PubKey()}}), "zero": opinionText([]Opinion{{}}),
		"cut": row[:len(row)-4], "padded": row + "==", "broken": row[:10] + "\n" + row[10:], "stray bits": row[:len(row)-1] + "B",
		"many": opinionText(make([]Opinion, MaxOpinions+1)), "url": strings.Repeat("-", len(row)),
	} {
		e := resigned(t, base, func(e *Event) { e.Content = content })
		if m, err := Decode[Digest](e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
	full := Digest{Network: "main"}
	for i := range MaxOpinions {
		full.Rows = append(full.Rows, Opinion{Subject: [32]byte{1, byte(i)}, Good: 1, Bad: 2, Value: 3, Day: 4})
	}
	if n := len(by(t, 1, full).Bytes()); n > 4096 {
		t.Errorf("a full digest has %d bytes", n)
	}
}
