package job

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
)

// verifyOf parses one verify key.
func verifyOf(t *testing.T, verify string) (Verify, error) {
	t.Helper()
	s, err := ParseSpec([]byte("task: {image: a/b}\ninputs: [{cid: bafyx}]\n"+verify+"\n"), "f")
	return s.Verify, err
}

// What is not written gets a default that means what it always meant.
func TestVerifyDefaults(t *testing.T) {
	t.Parallel()
	p := testKey(t, 3)
	for src, want := range map[string]Verify{
		"":                                           {Mode: VerifyAdaptive, Replicas: 1, Agree: 1, Compare: CompareExact},
		"verify: {replicas: 3}":                      {Mode: VerifyQuorum, Replicas: 3, Agree: 2, Compare: CompareExact},
		"verify: {agree: 3}":                         {Mode: VerifyQuorum, Replicas: 3, Agree: 3, Compare: CompareExact},
		"verify: {mode: quorum}":                     {Mode: VerifyQuorum, Replicas: 2, Agree: 2, Compare: CompareExact},
		"verify: {mode: none}":                       {Mode: VerifyNone, Replicas: 1, Agree: 1, Compare: CompareExact},
		"verify: {mode: sample}":                     {Mode: VerifySample, Replicas: 1, Agree: 1, Compare: CompareExact, Rate: 50_000},
		"verify: {mode: sample, rate: 12.5%}":        {Mode: VerifySample, Replicas: 1, Agree: 1, Compare: CompareExact, Rate: 125_000},
		"verify: {mode: adaptive, rate: 0.1}":        {Mode: VerifyAdaptive, Replicas: 1, Agree: 1, Compare: CompareExact, Rate: 100_000},
		"verify: {mode: canary}":                     {Mode: VerifyCanary, Replicas: 1, Agree: 1, Compare: CompareExact, Rate: 20_000},
		"verify: {mode: replay}":                     {Mode: VerifyReplay, Replicas: 1, Agree: 1, Compare: CompareText},
		"verify: {compare: text}":                    {Mode: VerifyReplay, Replicas: 1, Agree: 1, Compare: CompareText},
		"verify: {compare: image}":                   {Mode: VerifyAdaptive, Replicas: 1, Agree: 1, Compare: CompareImage},
		"verify: {image: me/cmp}":                    {Mode: VerifyAdaptive, Replicas: 1, Agree: 1, Compare: CompareContainer, Image: "me/cmp"},
		"verify: {compare: numeric, profile: b}":     {Mode: VerifyAdaptive, Replicas: 1, Agree: 1, Compare: CompareNumeric, Profile: "b"},
		"verify: {validators: [" + p.String() + "]}": {Mode: VerifyAdaptive, Replicas: 1, Agree: 1, Compare: CompareExact, Validators: []identity.PubKey{p}},
	} {
		got, err := verifyOf(t, src)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v", src, got, err)
		}
	}
}

// What does not go together is refused, with the place and a way out.
func TestVerifyRefused(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"verify: {mode: adaptive, replicas: 2}":        "use mode: quorum",
		"verify: {mode: quorum, rate: 5%}":             "draws no lottery",
		"verify: {mode: none, rate: 5%}":               "draws no lottery",
		"verify: {mode: canary, rate: 60%}":            "at most 50%",
		"verify: {mode: sample, rate: 101%}":           "write 5% or 0.05",
		"verify: {mode: sample, rate: 0}":              "write 5% or 0.05",
		"verify: {mode: sample, rate: -5%}":            "write 5% or 0.05",
		"verify: {mode: quorum, compare: text}":        "mode: replay and compare: text go together",
		"verify: {mode: replay, compare: exact}":       "mode: replay and compare: text go together",
		"verify: {compare: container}":                 "compare: container and image: NAME go together",
		"verify: {image: x, compare: exact}":           "compare: container and image: NAME go together",
		"verify: {profile: x}":                         "has no thresholds",
		"verify: {validators: npub1x}":                 "a list is wanted",
		"verify: {validators: [npub1x]}":               "is no npub",
		"verify: {mode: quorum, replicas: 4294967297}": "too much",
		"verify: {mode: perhaps}":                      "one of: adaptive, sample, quorum, canary, replay, none",
		"verify: {compare: perhaps}":                   "one of: exact, numeric",
	} {
		_, err := verifyOf(t, src)
		if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f:3:") {
			t.Errorf("%s: no place: %v", src, err)
		}
	}
}

func TestParseShare(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]uint32{"5%": 50_000, "0.05": 50_000, "100%": 1_000_000, "1": 1_000_000, "0.0001%": 1, "0.000001": 1, "12.5%": 125_000, "0%": 0} {
		if got, ok := parseShare(s); !ok || got != want {
			t.Errorf("%s: %d %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "%", "1.", ".5", "5 %", "+5%", "-1", "1e-3", "0.0000001", "100.1%", "1.1", "٥%", "1_0%", "5%%", "99999999999999999999"} {
		if got, ok := parseShare(s); ok {
			t.Errorf("%q: %d", s, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		if ppm, ok := parseShare(rapid.String().Draw(r, "share")); ok && ppm > 1_000_000 {
			r.Fatal(ppm)
		}
	})
}

// The rate that is promised is never above one that is drawn at.
func TestPromisedRate(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]uint32{
		VerifyNone: 0, VerifyAdaptive: 50_000, VerifySample: 50_000, VerifyQuorum: 1_000_000, VerifyCanary: 0, VerifyReplay: 300_000,
	} {
		v := Verify{Mode: mode}
		v.applyDefaults()
		if got := v.AuditMin(); got != want {
			t.Errorf("%s promises %d, want %d", mode, got, want)
		}
	}
	v := Verify{Mode: VerifyAdaptive, Rate: 200_000}
	v.applyDefaults()
	if v.AuditMin() != 200_000 {
		t.Errorf("a higher floor promises %d", v.AuditMin())
	}
}

func TestHowManyCanaries(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		rate   uint32
		shards int
		want   int
	}{{20_000, 1, 1}, {20_000, 50, 1}, {20_000, 51, 2}, {20_000, 10_000, 200}, {1, 10_000, 200}, {500_000, 10_000, 5000}, {20_000, 0, 0}} {
		v := Verify{Mode: VerifyCanary, Rate: x.rate}
		if got := v.Canaries(x.shards); got != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
	if (Verify{Mode: VerifyAdaptive, Rate: 500_000}).Canaries(100) != 0 {
		t.Error("an adaptive job has canaries")
	}
}

// What is to be replayed needs its tokens: the built-in engine is told so, once.
func TestReplayTellsTokens(t *testing.T) {
	for src, want := range map[string]string{
		"task: {image: infernet/llm}\nverify: {mode: replay}":                          "[--token-ids]",
		"task: {image: infernet/llm, args: [--max-tokens=9]}\nverify: {compare: text}": "[--max-tokens=9 --token-ids]",
		"task: {image: infernet/llm, args: [-token-ids=true]}\nverify: {mode: replay}": "[-token-ids=true]",
		"task: {image: infernet/llm}\nverify: {mode: quorum}":                          "[]",
		"task: {image: mine}\nverify: {mode: replay}":                                  "[]",
	} {
		s, err := ParseSpec([]byte("inputs: [{cid: bafyx}]\n"+src), "f")
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if got := fmt.Sprint(s.Task.Args); got != want {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
		s.ApplyDefaults()
		if got := fmt.Sprint(s.Task.Args); got != want {
			t.Errorf("%s again: %s, want %s", src, got, want)
		}
	}
}

// A validator of one's own looks at the first results of a provider, and at fewer
// the more of them were right.
func TestOwnAudits(t *testing.T) {
	got := OwnAudits(1000)
	if got[0] != 1 || got[1] != 0.5 || got[999] != float64(spotFloorPPM)/audit.All {
		t.Errorf("%v", got[:3])
	}
	for i := range got[1:] {
		if got[i+1] > got[i] {
			t.Fatalf("more at %d", i+1)
		}
	}
	if len(OwnAudits(0)) != 0 || len(OwnAudits(-1)) != 0 {
		t.Error("of none")
	}
}
