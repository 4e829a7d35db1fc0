package reputation_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

const root = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

type parties struct{ payer, provider *identity.Key }

func newParties(t testing.TB) parties {
	t.Helper()
	return parties{newKey(t), newKey(t)}
}

func newKey(t testing.TB) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p parties) receipt(shard uint32) wire.Receipt {
	return wire.Receipt{
		Job: wire.ID{7}, Shard: shard, Provider: p.provider.PubKey(), Payer: p.payer.PubKey(),
		Image: "sha256:" + strings.Repeat("ab", 32), Units: 25, Amount: 10, Unit: "credits", Rail: "credit",
		Verdict: wire.VerdictOK, Label: wire.LabelAudited, Comparator: "exact", Root: root,
		PayRef: "07/0/0", StartedMS: 1, EndedMS: 2,
	}
}

// TestJobs: what begins so, each once, and no more than asked for.
func TestJobs(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	l := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	ids := []wire.ID{{0xab, 1}, {0xab, 2}, {0xac}}
	for _, id := range ids {
		for shard := range uint32(3) {
			r := p.receipt(shard)
			r.Job = id
			issue(t, l, p.payer, r, now)
		}
	}
	for _, c := range []struct {
		prefix string
		most   int
		want   []wire.ID
	}{
		{"", 9, ids}, {"ab", 9, ids[:2]}, {"ab", 1, ids[:1]}, {"ac", 2, ids[2:]}, {ids[1].String(), 2, ids[1:2]},
		{"ad", 2, nil}, {ids[1].String() + "/", 2, ids[1:2]}, {"AB", 2, nil}, {"", 0, nil},
	} {
		if got, err := l.Jobs(c.prefix, c.most); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d of %q: %v, %v", c.most, c.prefix, got, err)
		}
	}
}

func (p parties) sign(t testing.TB, r wire.Receipt, at time.Time) wire.Event {
	t.Helper()
	e, err := wire.Seal(p.payer, r, at)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (p parties) both(t testing.TB, e wire.Event) wire.Countersigned {
	t.Helper()
	c, err := wire.SignBeside(p.provider, e, wire.RoleProvider, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLedgerKeepsEachAttemptOnce(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	l := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	alone := p.sign(t, p.receipt(0), now.Add(-time.Hour))
	rec, err := l.AddOneSided(alone)
	if err != nil || rec.Countersigned {
		t.Fatalf("%+v %v", rec, err)
	}
	weak, err := l.Score(now, p.provider.PubKey())
	if err != nil {
		t.Fatal(err)
	}
	// Signed anew after a crash, and this time by both.
	again := p.both(t, p.sign(t, p.receipt(0), now))
	for range 2 {
		if rec, err = l.AddReceipt(again); err != nil || rec.ID != again.Doc.ID || !rec.Countersigned {
			t.Fatalf("%+v %v", rec, err)
		}
	}
	if rec, err = l.AddOneSided(alone); err != nil || rec.ID != again.Doc.ID {
		t.Fatalf("the lesser receipt won: %+v %v", rec, err)
	}
	x, err := l.Explain(now, p.provider.PubKey())
	if err != nil || len(x.Items) != 1 || x.Good != 1 || x.Score <= weak || x.Items[0].Receipt != again.Doc.ID {
		t.Fatalf("%+v %v, before %v", x, err, weak)
	}
	other := p.receipt(0)
	other.Amount = 11
	if _, err := l.AddReceipt(p.both(t, p.sign(t, other, now))); !errors.Is(err, reputation.ErrConflict) {
		t.Fatal(err)
	}
	if _, err := l.Get(alone.ID); !errors.Is(err, reputation.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestLedgerLists(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	l := reputation.NewLedger(p.provider.PubKey(), store.NewMem(), reputation.Default())
	var ids []wire.ID
	for i := range 4 {
		rec, err := l.AddReceipt(p.both(t, p.sign(t, p.receipt(uint32(i)), now.Add(time.Duration(i-200)*day))))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rec.ID)
	}
	ofJob, err := l.ByJob(wire.ID{7})
	if err != nil || !slices.Equal(idsOf(ofJob), ids) {
		t.Fatalf("%v %v", ofJob, err)
	}
	newest, err := l.ByPeer(p.payer.PubKey(), 2)
	if err != nil || !slices.Equal(idsOf(newest), []wire.ID{ids[3], ids[2]}) {
		t.Fatalf("%v %v", newest, err)
	}
	if none, err := l.ByJob(wire.ID{8}); err != nil || len(none) != 0 {
		t.Fatalf("%v %v", none, err)
	}
	peers, err := l.Peers()
	if err != nil || !slices.Equal(peers, []identity.PubKey{p.payer.PubKey()}) {
		t.Fatalf("%v %v", peers, err)
	}
	// The payer paid: that is to its credit.
	if score, err := l.Score(now.Add(-200*day), p.payer.PubKey()); err != nil || score == 0 {
		t.Fatalf("%v %v", score, err)
	}
	if n, err := l.Prune(now.Add(-198 * day)); err != nil || n != 2 {
		t.Fatalf("%d %v", n, err)
	}
	if left, err := l.ByPeer(p.payer.PubKey(), 0); err != nil || len(left) != 2 {
		t.Fatalf("%v %v", left, err)
	}
	back, err := reputation.VerifyReceipt(newest[0].JSON())
	if err != nil || !back.Countersigned || back.ID != ids[3] {
		t.Fatalf("%+v %v", back, err)
	}
}

func idsOf(recs []reputation.Record) (ids []wire.ID) {
	for _, r := range recs {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestLedgerRefusesOthersWords(t *testing.T) {
	t.Parallel()
	p, me := newParties(t), newKey(t)
	l := reputation.NewLedger(me.PubKey(), store.NewMem(), reputation.Default())
	if _, err := l.AddReceipt(p.both(t, p.sign(t, p.receipt(0), now))); !errors.Is(err, reputation.ErrNotOurs) {
		t.Fatal(err)
	}
	if score, err := l.Score(now, p.provider.PubKey()); score != 0 || err != nil {
		t.Fatalf("a newcomer: %v %v", score, err)
	}
}

func TestBadWorkNeedsNoConfession(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	l := reputation.NewLedger(p.payer.PubKey(), store.NewMem(), reputation.Default())
	r := p.receipt(0)
	r.Verdict, r.Amount, r.Label, r.PayRef = wire.VerdictBad, 0, wire.LabelReplicated, ""
	if _, err := l.AddOneSided(p.sign(t, r, now)); err != nil {
		t.Fatal(err)
	}
	x, err := l.Explain(now, p.provider.PubKey())
	if err != nil || x.Bad != 3 || x.Score != 0 {
		t.Fatalf("%+v %v", x, err)
	}
}

func TestVerifyReceipt(t *testing.T) {
	t.Parallel()
	p, other := newParties(t), newKey(t)
	alone := p.sign(t, p.receipt(0), now)
	pair := p.both(t, alone)
	v, err := reputation.VerifyReceipt(append([]byte("\n"), append(pair.Bytes(), '\n')...))
	if err != nil || !v.Countersigned || v.Countersigner != p.provider.PubKey() || v.ID != alone.ID {
		t.Fatalf("%+v %v", v, err)
	}
	one, err := reputation.VerifyReceipt(alone.Bytes())
	if err != nil || one.Countersigned || !strings.Contains(strings.Join(one.Uncertain, "\n"), "one-sided") {
		t.Fatalf("%+v %v", one, err)
	}
	if raw, err := json.Marshal(one); err != nil || strings.Contains(string(raw), "countersigner\"") {
		t.Fatalf("%s %v", raw, err)
	}
	self := p.receipt(0)
	self.Provider = self.Payer
	unnamed := p.receipt(0)
	unnamed.PayRef = ""
	stranger, err := wire.SignBeside(other, alone, wire.RoleProvider, now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := wire.SignBeside(p.provider, alone, wire.RoleClient, now)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := wire.Seal(other, p.receipt(0), now)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"nothing":                   nil,
		"no JSON":                   []byte("receipt"),
		"changed":                   []byte(strings.Replace(string(pair.Bytes()), `"25"`, `"26"`, 1)),
		"cut":                       pair.Bytes()[:len(pair.Bytes())-1],
		"two":                       append(alone.Bytes(), alone.Bytes()...),
		"a countersignature":        pair.By.Bytes(),
		"countersigned by stranger": stranger.Bytes(),
		"countersigned as client":   client.Bytes(),
		"signed by a stranger":      foreign.Bytes(),
		"paid to oneself":           p.sign(t, self, now).Bytes(),
		"paid without a name":       p.sign(t, unnamed, now).Bytes(),
	} {
		if v, err := reputation.VerifyReceipt(raw); !errors.Is(err, reputation.ErrReceipt) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// TestVerifyWindow checks receipts of inference, which have tokens and no root.
func TestVerifyWindow(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	window := func(in, out uint64, change func(*wire.Receipt)) wire.Event {
		r := p.receipt(0)
		r.Root, r.Label = "", wire.LabelClaimed
		r.InTokens, r.OutTokens, r.Units = in, out, in+out
		if change != nil {
			change(&r)
		}
		return p.sign(t, r, now)
	}
	good := window(12, 30, nil)
	v, err := reputation.VerifyReceipt(p.both(t, good).Bytes())
	if err != nil || !v.Countersigned || v.Receipt.InTokens != 12 || v.Receipt.OutTokens != 30 {
		t.Fatalf("%+v %v", v, err)
	}
	if !strings.Contains(strings.Join(v.Uncertain, "\n"), "not checked") {
		t.Errorf("what is only claimed is not told as such: %q", v.Uncertain)
	}
	for name, ev := range map[string]wire.Event{
		"prompts alone": window(12, 0, nil),
		"one-sided":     good,
		"disputed":      window(12, 30, func(r *wire.Receipt) { r.Verdict, r.Amount, r.PayRef = wire.VerdictInconclusive, 0, "" }),
	} {
		if _, err := reputation.VerifyReceipt(ev.Bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range map[string][]byte{
		"ok, of nothing": window(0, 0, nil).Bytes(),
		"unnamed":        window(12, 30, func(r *wire.Receipt) { r.PayRef = "" }).Bytes(),
		"more tokens":    []byte(strings.Replace(string(good.Bytes()), `"30"`, `"31"`, 1)),
	} {
		if v, err := reputation.VerifyReceipt(raw); !errors.Is(err, reputation.ErrReceipt) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

func FuzzVerifyReceipt(f *testing.F) {
	p := newParties(f)
	alone := p.sign(f, p.receipt(0), now)
	f.Add(alone.Bytes())
	f.Add(p.both(f, alone).Bytes())
	f.Add([]byte(`{"doc":{},"countersignature":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := reputation.VerifyReceipt(raw)
		if (err == nil) == v.ID.IsZero() {
			t.Fatalf("%+v %v", v, err)
		}
	})
}

// TestHeldReceiptsAreCheckedAllTheSame wants a receipt that is kept already not to
// open the door to one that only looks like it, or to a signature that is none.
func TestHeldReceiptsAreCheckedAllTheSame(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	l := ledgerOf(p.payer)
	doc := p.sign(t, p.receipt(0), now)
	if _, err := l.AddOneSided(doc); err != nil {
		t.Fatal(err)
	}
	altered := p.both(t, doc)
	altered.Doc.Content += " "
	resigned := p.both(t, doc)
	resigned.Doc.Sig[5] ^= 1
	forged := p.both(t, doc)
	forged.By.Sig[5] ^= 1
	stranger, err := wire.SignBeside(newKey(t), doc, wire.RoleProvider, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]wire.Countersigned{
		"altered": altered, "with another signature": resigned, "forged": forged, "by a stranger": stranger,
	} {
		if _, err := l.AddReceipt(c); !errors.Is(err, reputation.ErrReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rec, err := l.AddReceipt(p.both(t, doc)); err != nil || !rec.Countersigned {
		t.Errorf("the right one: %v", err)
	}
}
