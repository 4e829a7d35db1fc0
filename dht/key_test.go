package dht

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/wire"
)

func TestVRAMKeys(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, c := range []struct {
		bytes uint64
		rungs string // announced
		ask   Key    // asked for
	}{
		{0, "", Any},
		{6 * gib, "", Any},
		{8 * gib, "8", "vram>=8"},
		{8_000_000_000, "8", "vram>=8"},
		{12 * gib, "8 12", "vram>=12"},
		{24_000_000_000, "8 12 16 24", "vram>=24"},
		{24564 << 20, "8 12 16 24", "vram>=24"}, // what a 24 GB card's driver says
		{48 * gib, "8 12 16 24 40 48", "vram>=48"},
		{79 * gib, "8 12 16 24 40 48 80", "vram>=80"},
		{1 << 50, "8 12 16 24 40 48 80 141", "vram>=141"},
	} {
		var want []Key
		for _, f := range strings.Fields(c.rungs) {
			want = append(want, Key("vram>="+f))
		}
		if got := VRAMKeys(c.bytes); !slices.Equal(got, want) {
			t.Errorf("VRAMKeys(%d) = %v, want %v", c.bytes, got, want)
		}
		if got := VRAMKey(c.bytes); got != c.ask {
			t.Errorf("VRAMKey(%d) = %s, want %s", c.bytes, got, c.ask)
		}
	}
}

func TestOfferKeys(t *testing.T) {
	t.Parallel()
	o := wire.ProviderOffer{Models: []string{"bafym"}, Images: []string{"sha256:aa"}, Roles: []string{"Provider"}}
	o.Hardware.GPUs = []wire.GPU{{VRAMBytes: 8e9}, {VRAMBytes: 16e9}}
	o.Serves = []wire.Served{{Name: "Qwen2.5:7B", Model: "bafyq"}, {Name: "demo", Model: "bafym"}}
	want := []Key{"any", "cpu", "image=sha256:aa", "model=bafym", "model=bafyq", "name=demo", "name=qwen2.5:7b", "role=provider", "vram>=12", "vram>=16", "vram>=8"}
	got := OfferKeys(o)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, k := range got {
		if err := k.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	// sha256("infernet/cap/v1|any|2026-03-01|0"): other implementations must
	// arrive at the same place.
	const golden = "bafkreibwrdxgrxvnijreq3m3xnnmjguzp7lbfnr4sios3czm52cftfkjie"
	if got := place(Any, "2026-03-01", 0).String(); got != golden {
		t.Errorf("place = %s", got)
	}
	if got := len(places(Any, noon)); got != salts {
		t.Errorf("%d places at noon", got)
	}
	late := noon.Add(10*time.Hour + time.Minute)
	got := places(Any, late)
	if len(got) != 2*salts {
		t.Fatalf("%d places late in the day", len(got))
	}
	for s := range salts {
		if !slices.Contains(got, place(Any, "2026-03-02", s)) {
			t.Errorf("tomorrow's place %d is not filled", s)
		}
	}
	east := late.In(time.FixedZone("east", 12*3600))
	if !slices.Equal(places(Any, east), got) {
		t.Error("places depend on the time zone")
	}
}

func TestKeyValidate(t *testing.T) {
	t.Parallel()
	for _, k := range []Key{Any, CPU, NameKey(strings.Repeat("X", wire.MaxModelName)), "vram>=24", "model=bafy", "image=sha256:00", Key(strings.Repeat("x", MaxKey))} {
		if err := k.Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, k := range []Key{"", "A", "a b", "a|b", "é", "a\n", Key(strings.Repeat("x", MaxKey+1))} {
		if err := k.Validate(); !errors.Is(err, ErrBadKey) {
			t.Errorf("%.20q: %v", k, err)
		}
	}
}
