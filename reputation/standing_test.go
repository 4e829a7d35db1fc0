package reputation_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

func newBook(t testing.TB, self *identity.Key, s store.Store) *reputation.Book {
	t.Helper()
	b, err := reputation.NewBook(self.PubKey(), s, reputation.Default())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func standing(t testing.TB, b *reputation.Book, at time.Time, peer identity.PubKey, app reputation.App, class string) reputation.Standing {
	t.Helper()
	s, err := b.Standing(at, peer, app, class)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judged is one attempt of a provider as its client found it.
type judged struct {
	shard   uint32
	after   time.Duration // since the one before
	verdict string
	blame   string
	label   string
	amount  uint64
	model   string
	class   string
	both    bool
}

func (p parties) judged(j judged) wire.Receipt {
	r := p.receipt(j.shard)
	r.Verdict, r.Blame, r.Label, r.Amount, r.ModelCID, r.Class = j.verdict, j.blame, j.label, j.amount, j.model, j.class
	if r.Amount == 0 {
		r.PayRef = ""
	}
	return r
}

var drawJudged = rapid.Custom(func(t *rapid.T) judged {
	j := judged{
		after:  time.Duration(rapid.SampledFrom([]int{0, 1, 60, 3600, 86400, 8 * 86400}).Draw(t, "after")) * time.Second,
		label:  rapid.SampledFrom([]string{wire.LabelClaimed, wire.LabelReplicated, wire.LabelAudited}).Draw(t, "label"),
		model:  rapid.SampledFrom([]string{"", root}).Draw(t, "model"),
		class:  rapid.SampledFrom([]string{"a", "b"}).Draw(t, "class"),
		both:   rapid.Bool().Draw(t, "both"),
		amount: rapid.Uint64Range(0, 50).Draw(t, "amount"),
	}
	j.verdict = rapid.SampledFrom([]string{wire.VerdictOK, wire.VerdictOK, wire.VerdictOK, wire.VerdictBad, wire.VerdictFailed}).Draw(t, "verdict")
	if j.verdict != wire.VerdictOK {
		j.amount, j.label = 0, wire.LabelClaimed
	}
	switch j.verdict {
	case wire.VerdictBad:
		j.blame = wire.BlameProvider
	case wire.VerdictFailed:
		j.blame = rapid.SampledFrom([]string{wire.BlameProvider, wire.BlameNetwork, wire.BlameClient}).Draw(t, "blame")
	}
	return j
})

// TestStandingIsWhatExplainAddsUp runs a history through a book that follows
// it receipt by receipt, and wants at each step the same as from the list, and
// as from a book that was just opened. The counts are held to a plain model.
func TestStandingIsWhatExplainAddsUp(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	peer := p.provider.PubKey()
	app := reputation.App{Image: p.receipt(0).Image, Model: root}
	rapid.Check(t, func(rt *rapid.T) {
		history := rapid.SliceOfN(drawJudged, 1, 8).Draw(rt, "history")
		s := store.NewMem()
		b, err := reputation.NewBook(p.payer.PubKey(), s, reputation.Default())
		if err != nil {
			rt.Fatal(err)
		}
		at := now
		var valid, all uint32
		for i, j := range history {
			j.shard = uint32(i)
			at = at.Add(j.after)
			e, err := b.Ledger().Issue(p.payer, p.judged(j), at)
			if err == nil && j.both {
				c, signErr := wire.SignBeside(p.provider, e, wire.RoleProvider, at)
				if signErr != nil {
					rt.Fatal(signErr)
				}
				_, err = b.Ledger().AddReceipt(c)
			}
			if err != nil {
				rt.Fatal(err)
			}
			switch {
			case j.blame == wire.BlameProvider:
				valid, all = 0, 0
			case j.verdict == wire.VerdictOK && j.label != wire.LabelClaimed:
				all++
				if j.model == root && j.class == "a" {
					valid++
				}
			}
			fresh, err := reputation.NewBook(p.payer.PubKey(), s, reputation.Default())
			if err != nil {
				rt.Fatal(err)
			}
			for _, later := range []time.Duration{0, time.Hour, 40 * day} {
				got, err := b.Standing(at.Add(later), peer, app, "a")
				if err != nil {
					rt.Fatal(err)
				}
				anew, err := fresh.Standing(at.Add(later), peer, app, "a")
				if err != nil {
					rt.Fatal(err)
				}
				x, err := b.Explain(at.Add(later), peer)
				if err != nil {
					rt.Fatal(err)
				}
				if !near(got.Score, x.Score, 1e-9) || !near(anew.Score, x.Score, 1e-9) {
					rt.Fatalf("step %d: %v, anew %v, explained %v", i, got.Score, anew.Score, x.Score)
				}
				anew.Score, anew.Direct = got.Score, got.Direct
				if got != anew || got.Valid != valid || !got.Known {
					rt.Fatalf("step %d: %+v, anew %+v, want %d valid", i, got, anew, valid)
				}
			}
			if any, _ := b.Standing(at, peer, reputation.App{}, ""); any.Valid != all {
				rt.Fatalf("step %d: %d valid of all, want %d", i, any.Valid, all)
			}
		}
	})
}

func TestProbation(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	s := store.NewMem()
	b := newBook(t, p.payer, s)
	peer, app := p.provider.PubKey(), reputation.App{}
	shard := uint32(0)
	good := func(at time.Time) {
		t.Helper()
		issue(t, b.Ledger(), p.payer, p.receipt(shard), at)
		shard++
	}
	want := func(at time.Time, n uint32, why string) {
		t.Helper()
		for _, b := range []*reputation.Book{b, newBook(t, p.payer, s)} {
			if got := standing(t, b, at, peer, app, ""); got.Probation != n {
				t.Errorf("%s: %d results to be checked, want %d", why, got.Probation, n)
			}
		}
	}
	if err := b.Ledger().Seen(now, peer, "192.0.2.0/24"); err != nil { // a stranger: nothing is kept
		t.Fatal(err)
	}
	want(now, 0, "a stranger")
	good(now)
	want(now.Add(6*day), 0, "six days")
	want(now.Add(8*day), 3, "eight days")
	good(now.Add(8 * day))
	want(now.Add(8*day), 2, "the first after it came back")
	good(now.Add(8 * day))
	good(now.Add(8 * day))
	want(now.Add(8*day), 0, "the third")
	at := now.Add(8*day + time.Hour)
	for i, network := range []string{"192.0.2.0/24", "192.0.2.0/24", "198.51.100.0/24"} {
		if err := b.Ledger().Seen(at, peer, network); err != nil {
			t.Fatal(err)
		}
		want(at, map[int]uint32{2: 3}[i], "seen in "+network)
	}
	good(at.Add(time.Hour))
	want(at.Add(time.Hour), 2, "the first from there")
	if err := b.Ledger().Seen(at.Add(2*time.Hour), peer, "192.0.2.0/24"); err != nil {
		t.Fatal(err)
	}
	want(at.Add(2*time.Hour), 2, "back where it was before")
}

func TestWindowsCountTheirAudits(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	b := newBook(t, p.payer, store.NewMem())
	r := p.receipt(0)
	r.Root, r.InTokens, r.OutTokens, r.Audits = "", 100, 20, 4
	issue(t, b.Ledger(), p.payer, r, now)
	r.Shard, r.Audits, r.Label = 1, 0, wire.LabelClaimed
	issue(t, b.Ledger(), p.payer, r, now)
	if got := standing(t, b, now, p.provider.PubKey(), reputation.App{Image: r.Image}, ""); got.Valid != 4 {
		t.Errorf("%+v", got)
	}
	if got := standing(t, b, now, p.provider.PubKey(), reputation.App{Image: r.Image, Model: root}, ""); got.Valid != 0 {
		t.Errorf("another model: %+v", got)
	}
}

// TestDecayVectors holds decay to values computed by hand: weights 1, 3 and 10
// at ages in days, half-lives 30 and 60.
func TestDecayVectors(t *testing.T) {
	t.Parallel()
	fraud := unit(reputation.Bad, 0)
	fraud.Fraud = true
	for _, c := range []struct {
		e         reputation.Evidence
		age       int
		good, bad float64
	}{
		{unit(reputation.OK, 0), 0, 1, 0}, {unit(reputation.OK, 0), 1, 0.97716, 0}, {unit(reputation.OK, 0), 15, 0.70711, 0},
		{unit(reputation.OK, 0), 90, 0.125, 0}, {unit(reputation.OK, 0), 180, 0.015625, 0},
		{unit(reputation.Bad, 0), 1, 0, 2.96554}, {unit(reputation.Bad, 0), 30, 0, 2.12132}, {unit(reputation.Bad, 0), 180, 0, 0.375},
		{unit(reputation.Late, 0), 120, 0, 0.25}, {fraud, 60, 0, 5}, {fraud, 179, 0, 1.26452},
	} {
		e := c.e
		e.When = now.Add(-time.Duration(c.age) * day)
		x := reputation.Default().Explain(now, []reputation.Evidence{e})
		if !near(x.Good, c.good, 5e-6) || !near(x.Bad, c.bad, 5e-6) {
			t.Errorf("%s after %d days: %v and %v, want %v and %v", e.Verdict, c.age, x.Good, x.Bad, c.good, c.bad)
		}
	}
	for name, c := range map[string]struct {
		ev   []reputation.Evidence
		want float64
	}{
		"20 good of a month":          {repeat(20, unit(reputation.OK, 30*day)), 0.68754},
		"100 good, one bad last year": {append(repeat(100, unit(reputation.OK, 0)), unit(reputation.Bad, 365*day)), 0.95768},
	} {
		if got := reputation.Score(now, c.ev); !near(got, c.want, 5e-5) {
			t.Errorf("%s: %.5f, want %.5f", name, got, c.want)
		}
	}
}

// TestLongHistory writes 21,000 pieces of evidence and wants the score to be of
// all of them, the newest listed and the rest summed up.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	p := newParties(t)
	s, peer := plain{}, p.provider.PubKey()
	const all = 21_000
	for i := range all {
		e := unit(reputation.OK, time.Duration(all-i)*time.Minute)
		e.Own, e.Peer, e.Receipt = true, peer, wire.ID{31: byte(i), 30: byte(i >> 8), 29: 1}
		if i == 100 {
			e.Verdict = reputation.Bad
		}
		raw, err := json.Marshal(struct {
			reputation.Evidence
			V int `json:"v"`
		}{e, 1})
		if err != nil {
			t.Fatal(err)
		}
		s[fmt.Sprintf("peer/%s/%016x/%s", peer.Hex(), e.When.Unix(), e.Receipt)] = raw
	}
	b := newBook(t, p.payer, s)
	x, err := b.Explain(now, peer)
	if err != nil || len(x.Items) != 10_000 || x.Older.Count != all-10_000 || x.Older.Bad == 0 {
		t.Fatalf("%d listed, %+v older, %v", len(x.Items), x.Older, err)
	}
	var good float64
	for _, it := range x.Items {
		good += it.Good
	}
	if !near(good+x.Older.Good, x.Good, 1e-6) || x.Good < 12_000 {
		t.Errorf("%v of the items and %v of the older are %v", good, x.Older.Good, x.Good)
	}
	if st := standing(t, b, now, peer, reputation.App{}, ""); !near(st.Score, x.Score, 1e-9) || st.Valid != 0 {
		t.Errorf("%+v, explained as %v", st, x.Score)
	}
}

// Who lied is no stranger any more, though its score is 0 like a stranger's: until
// enough went right, or the lie is long ago.
func TestCaught(t *testing.T) {
	t.Parallel()
	bad := judged{verdict: wire.VerdictBad, blame: wire.BlameProvider, label: wire.LabelAudited}
	late := judged{verdict: wire.VerdictFailed, blame: wire.BlameProvider, label: wire.LabelClaimed}
	net := judged{verdict: wire.VerdictFailed, blame: wire.BlameNetwork, label: wire.LabelClaimed}
	good := judged{verdict: wire.VerdictOK, label: wire.LabelAudited, amount: 10, both: true}
	for name, x := range map[string]struct {
		history []judged
		later   time.Duration
		caught  bool
	}{
		"a stranger":            {nil, 0, false},
		"one lie":               {[]judged{bad}, 0, true},
		"one lie, weeks ago":    {[]judged{bad}, 30 * day, false},
		"three lies, weeks ago": {[]judged{bad, bad, bad}, 30 * day, true},
		"one lie among much":    {[]judged{good, good, good, bad}, 0, false},
		"late twice":            {[]judged{late, late}, 0, false},
		"late thrice":           {[]judged{late, late, late}, 0, true},
		"the network's fault":   {[]judged{net, net, net, net}, 0, false},
	} {
		p := newParties(t)
		b := newBook(t, p.payer, store.NewMem())
		for i, j := range x.history {
			j.shard = uint32(i)
			e, err := b.Ledger().Issue(p.payer, p.judged(j), now)
			if err == nil && j.both {
				_, err = b.Ledger().AddReceipt(p.both(t, e))
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := standing(t, b, now.Add(x.later), p.provider.PubKey(), reputation.App{}, ""); got.Caught != x.caught {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
