package compare_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

const model = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

func key(t testing.TB) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pairs measures honest pairs of results.
func pairs(t testing.TB, kind string, count int) []compare.Sample {
	t.Helper()
	net := newNetwork(4)
	var out []compare.Sample
	for seed := range uint64(count) {
		name := "x.f32"
		a, b := honest(net, seed, name)
		s, err := compare.Measure(t.Context(), kind, one(name, encode(name, a)), one(name, encode(name, b)))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func answers(t testing.TB, r *rand.Rand, count int, s served, greedy bool) []compare.Sample {
	t.Helper()
	places := text(r, 600, s)
	var out []compare.Sample
	for range count {
		var tokens []compare.Token
		for range 60 {
			p := places[r.IntN(len(places))]
			tok := p.greedy[p.pick]
			if !greedy {
				tok = p.draw(r)
			}
			tokens = append(tokens, tok)
		}
		sample, err := compare.Replayed(tokens)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, sample)
	}
	return out
}

// A profile that was calibrated lets honest results pass, finds faults, and
// survives being signed and read.
func TestCalibrate(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	k := key(t)
	for _, v := range []struct {
		kind    string
		samples []compare.Sample
	}{
		{"numeric", pairs(t, "numeric", 120)},
		{"embedding", pairs(t, "embedding", 120)},
		{"text", answers(t, r, 200, served{noise: 0.03}, false)},
		{"text", answers(t, r, 200, served{noise: 0.1}, true)},
	} {
		p, err := compare.Calibrate(compare.Target{Model: model, Class: "amd64/x86-64-v3", Comparator: v.kind, FPRppm: 60_000}, v.samples)
		if err != nil {
			t.Fatalf("%s: %v", v.kind, err)
		}
		t.Logf("%s: %d samples, at most %d ppm, %v", v.kind, p.N, p.FPRppm, p.Thresholds)
		if want := compare.UpperBound(0, len(v.samples)/2, 0.95); math.Abs(float64(p.FPRppm)-1e6*want) > 1 || int(p.N) != len(v.samples)/2 {
			t.Errorf("%s: %d ppm of %d, want %v", v.kind, p.FPRppm, p.N, want)
		}
		signed, err := compare.Sign(k, p, time.Unix(1_700_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		got, err := compare.Load(signed.Bytes(), signed.CID)
		if err != nil || got.Author() != k.PubKey() || got.CID != signed.CID || !maps.Equal(got.Thresholds, p.Thresholds) {
			t.Errorf("%s: %+v, %v", v.kind, got, err)
		}
		if v.kind == job.CompareText {
			if _, err := compare.TextThresholds(&got.Profile); err != nil {
				t.Error(err)
			}
			continue
		}
		c, err := compare.New(job.Verify{Compare: v.kind}, &got.Profile)
		if err != nil {
			t.Fatal(err)
		}
		net := newNetwork(4)
		for seed := range uint64(40) {
			a, b := honest(net, 10_000+seed, "x.f32")
			want(t, c, one("x.f32", encode("x.f32", a)), one("x.f32", encode("x.f32", b)), compare.Match, "")
			b[1] = b[0]
			want(t, c, one("x.f32", encode("x.f32", a)), one("x.f32", encode("x.f32", b)), compare.Mismatch, "")
		}
	}
}

func TestCalibrateImages(t *testing.T) {
	t.Parallel()
	var samples []compare.Sample
	for seed := range uint64(120) {
		m := painting(seed, 48, 48)
		s, err := compare.Measure(t.Context(), "image", imageFile(t, "x.png", m), imageFile(t, "x.png", grain(m, seed, 3)))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, s)
	}
	p, err := compare.Calibrate(compare.Target{Comparator: "image", FPRppm: 60_000}, samples)
	if err != nil {
		t.Fatal(err)
	}
	c, err := compare.New(job.Verify{Compare: "image"}, &p)
	if err != nil {
		t.Fatal(err)
	}
	m := painting(999, 48, 48)
	want(t, c, imageFile(t, "x.png", m), imageFile(t, "x.png", grain(m, 1, 3)), compare.Match, "")
	want(t, c, imageFile(t, "x.png", m), imageFile(t, "x.png", painting(998, 48, 48)), compare.Mismatch, "")
}

func TestCalibrateRefuses(t *testing.T) {
	t.Parallel()
	few := pairs(t, "numeric", 40)
	r := rand.New(rand.NewPCG(9, 9))
	noisy := append([]compare.Sample{}, few...)
	for i := range noisy {
		a, b := [][]float64{{1, 2}}, [][]float64{{r.NormFloat64(), 2}}
		s, err := compare.Measure(t.Context(), "numeric", one("x.f32", encode("x.f32", a)), one("x.f32", encode("x.f32", b)))
		if err != nil {
			t.Fatal(err)
		}
		noisy[i] = s
	}
	split, err := compare.Measure(t.Context(), "numeric", one("x.f32", nil), one("y.f32", nil))
	if err != nil {
		t.Fatal(err)
	}
	torn := append([]compare.Sample{}, few...)
	for i := range torn {
		if i%4 == 1 {
			torn[i] = split
		}
	}
	for name, v := range map[string]struct {
		t       compare.Target
		samples []compare.Sample
		err     error
		says    string
	}{
		"too few":            {compare.Target{Comparator: "numeric", FPRppm: 100}, few, compare.ErrTooFew, "59912 are needed"},
		"another comparator": {compare.Target{Comparator: "embedding", FPRppm: 200_000}, few, compare.ErrProfile, ""},
		"nothing promised":   {compare.Target{Comparator: "numeric"}, few, compare.ErrProfile, ""},
		"far apart":          {compare.Target{Comparator: "numeric", FPRppm: 200_000}, noisy, compare.ErrSpread, "tolerance"},
		"different files":    {compare.Target{Comparator: "numeric", FPRppm: 200_000}, torn, compare.ErrSpread, "called wrong"},
		"few tokens":         {compare.Target{Comparator: "text", FPRppm: 200_000}, answers(t, r, 30, served{}, true), compare.ErrTooFew, "tokens"},
		"another model":      {compare.Target{Comparator: "text", FPRppm: 200_000}, answers(t, r, 200, served{noise: 2}, true), compare.ErrSpread, ""},
		"unknown":            {compare.Target{Comparator: "container", FPRppm: 999_999}, nil, compare.ErrTooFew, ""},
	} {
		if _, err := compare.Calibrate(v.t, v.samples); !errors.Is(err, v.err) || !strings.Contains(err.Error(), v.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUpperBound(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		k, n int
		want float64
	}{ // the exact limits of Clopper and Pearson, 95% one-sided
		{0, 1, 0.95}, {0, 10, 0.258866}, {1, 10, 0.394163}, {5, 10, 0.777559}, {10, 10, 1}, {0, 30000, 9.98527e-5}, {3, 30000, 2.5843e-4},
	} {
		if got := compare.UpperBound(v.k, v.n, 0.95); math.Abs(got-v.want) > 1e-3*v.want {
			t.Errorf("%d of %d: %v, want %v", v.k, v.n, got, v.want)
		}
	}
	if n := compare.Enough(100, 0.95); n != 29956 || compare.UpperBound(0, n, 0.95) > 1e-4 || compare.UpperBound(0, n-1, 0.95) <= 1e-4 {
		t.Errorf("%d", n)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	k := key(t)
	good := wire.Profile{Comparator: "numeric", N: 100, FPRppm: 30_000, Thresholds: map[string]string{"rel": "0.001"}}
	s, err := compare.Sign(k, good, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compare.Load(s.Bytes(), model); !errors.Is(err, compare.ErrProfile) {
		t.Errorf("another CID: %v", err)
	}
	forged := []byte(strings.Replace(string(s.Bytes()), "0.001", "0.009", 1))
	if _, err := compare.Load(forged, ""); !errors.Is(err, compare.ErrProfile) {
		t.Errorf("forged: %v", err)
	}
	for name, change := range map[string]func(*wire.Profile){
		"out of range":  func(p *wire.Profile) { p.Thresholds = map[string]string{"rel": "1e9"} },
		"negative":      func(p *wire.Profile) { p.Thresholds = map[string]string{"abs": "-1"} },
		"unknown":       func(p *wire.Profile) { p.Thresholds = map[string]string{"relative": "1"} },
		"overclaims":    func(p *wire.Profile) { p.FPRppm = 100 },
		"false alarms":  func(p *wire.Profile) { p.Thresholds = map[string]string{"false_alarms": "9"} },
		"half an alarm": func(p *wire.Profile) { p.Thresholds = map[string]string{"false_alarms": "0.5"} },
		"of nobody":     func(p *wire.Profile) { p.Comparator = "taste" },
		"of a runner":   func(p *wire.Profile) { p.Comparator = "container" },
		"for text":      func(p *wire.Profile) { p.Comparator = "text" },
		"inside out": func(p *wire.Profile) {
			p.Comparator, p.Thresholds = "text", map[string]string{"flip": "0.2", "wrong": "0.1"}
		},
	} {
		p := good
		change(&p)
		if _, err := compare.Sign(k, p, time.Unix(1_700_000_000, 0)); !errors.Is(err, compare.ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
		ev, err := wire.Seal(k, p, time.Unix(1_700_000_000, 0))
		if err != nil {
			continue // wire itself refuses it
		}
		if _, err := compare.Load(ev.Bytes(), ""); !errors.Is(err, compare.ErrProfile) {
			t.Errorf("%s, read: %v", name, err)
		}
	}
	if _, err := compare.New(job.Verify{Compare: "image"}, &good); !errors.Is(err, compare.ErrProfile) {
		t.Errorf("for another comparator: %v", err)
	}
	if err := compare.Fits(wire.Profile{Model: model, Class: "a"}, model, "", "b"); !errors.Is(err, compare.ErrProfile) {
		t.Errorf("another class: %v", err)
	}
	if err := compare.Fits(wire.Profile{Model: model, Class: "a"}, model, "sha256:x", "a"); err != nil {
		t.Errorf("fits: %v", err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{
		"": nil, "exact": nil, "numeric": nil, "embedding": nil, "image": nil,
		"text": compare.ErrReplay, "container": compare.ErrRunner, "taste": compare.ErrUnknown,
	} {
		c, err := compare.New(job.Verify{Compare: name}, nil)
		if !errors.Is(err, want) || err == nil && name != "" && c.Name() != name {
			t.Errorf("%q: %v, %v", name, c, err)
		}
	}
}

// The CID is the one by which the node keeps the same bytes.
func TestCID(t *testing.T) {
	t.Parallel()
	raw := []byte("hello world")
	sum, err := multihash.Sum(raw, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := compare.CID(raw), cid.NewCidV1(cid.Raw, sum).String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
