package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

// chained signs a receipt in its place of a chain.
func chained(t *testing.T, payer, provider *identity.Key, seq uint64, prev wire.ID, payRef string) (checkedReceipt, wire.ID) {
	t.Helper()
	m := wire.Receipt{
		Job: wire.ID{1}, Shard: uint32(seq), Provider: provider.PubKey(), Payer: payer.PubKey(),
		Image: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Units: 42, InTokens: 12, OutTokens: 30, Amount: 7, Unit: "credits", Rail: "credit",
		Verdict: wire.VerdictOK, Label: wire.LabelClaimed, PayRef: payRef, StartedMS: 1, EndedMS: 2, Prev: prev, Seq: seq,
	}
	doc, err := wire.Seal(payer, m, time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	c := checkReceipt(doc.Bytes())
	if !c.Valid {
		t.Fatalf("%+v", c)
	}
	return c, doc.ID
}

// TestJudge looks at receipts together: whole chains, gaps, forks, and payments
// that are named twice.
func TestJudge(t *testing.T) {
	t.Parallel()
	payer, provider := aKey(t), aKey(t)
	one, id1 := chained(t, payer, provider, 1, wire.ID{}, "a/1")
	two, id2 := chained(t, payer, provider, 2, id1, "a/2")
	three, _ := chained(t, payer, provider, 3, id2, "a/3")
	fork, _ := chained(t, payer, provider, 2, id1, "a/4")
	loose, _ := chained(t, payer, provider, 3, id1, "a/5")
	again, _ := chained(t, payer, provider, 4, id2, "a/1")
	for name, c := range map[string]struct {
		in      []checkedReceipt
		faults  int
		says    string
		missing uint64
		paid    uint64
	}{
		"a chain":               {[]checkedReceipt{three, one, two}, 0, "", 0, 21},
		"the same twice":        {[]checkedReceipt{one, one, two}, 0, "", 0, 14},
		"a gap":                 {[]checkedReceipt{one, three}, 0, "", 1, 14},
		"a fork":                {[]checkedReceipt{one, two, fork}, 1, "contradict each other", 0, 21},
		"another past":          {[]checkedReceipt{one, two, loose}, 1, "contradict each other", 0, 21},
		"a payment named twice": {[]checkedReceipt{one, again}, 1, "a/1 is named by two", 2, 7},
		"nothing valid":         {[]checkedReceipt{{Reason: "no receipt"}}, 0, "", 0, 0},
	} {
		got, err := judge(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Faults) != c.faults || c.faults > 0 && !strings.Contains(got.Faults[0], c.says) {
			t.Errorf("%s: faults %q", name, got.Faults)
		}
		if valid := c.faults == 0 && c.in[0].Valid; got.Valid != valid || len(got.Receipts) != len(c.in) {
			t.Errorf("%s: valid %v of %d", name, got.Valid, len(got.Receipts))
		}
		if c.paid > 0 && (len(got.Chains) != 1 || got.Chains[0].Gaps != c.missing || got.Paid[0].Amount.Amount != c.paid) {
			t.Errorf("%s: %+v, paid %+v", name, got.Chains, got.Paid)
		}
	}
}

// A draw that comes out otherwise than was said, and a broken promise, are told
// and make the receipt invalid.
func TestShowsTheLottery(t *testing.T) {
	t.Parallel()
	c := toldReceipt(reputation.Checked{
		Draw:   &reputation.Draw{Ticket: 255, RatePPM: 20_000, PromisedPPM: 50_000, Audited: true},
		Faults: []string{"drawn at 2% where 5% were promised"}, Proof: &wire.FraudProof{Fault: "false_secret"},
	})
	real, _ := chained(t, aKey(t), aKey(t), 1, wire.ID{}, "a/1")
	c.doc = real.doc
	if c.Valid || c.Proof != "false_secret" || c.Lottery == nil {
		t.Fatalf("%+v", c)
	}
	var out, errw bytes.Buffer
	a := newApp(nil, &out, &errw)
	if err := a.showChecked([]checkedReceipt{c}, false); err == nil {
		t.Error("no fault")
	}
	for _, want := range []string{
		"BROKEN PROMISE", "ticket 00000000000000ff at a rate of 2%, at least 5% promised: chosen for an audit, but it was said to be not chosen for an audit",
		"FAULT: drawn at 2% where 5% were promised",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s", want, out.String())
		}
	}
	if !strings.Contains(errw.String(), "1 of 1 receipts are not valid") {
		t.Errorf("%s", errw.String())
	}
}
