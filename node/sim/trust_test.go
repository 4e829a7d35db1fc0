package sim

import (
	"math"
	"testing"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/reputation"
)

// TestCheatingDoesNotPay: at the default settings, who always cheats, who cheats
// in a fifth and who takes new names earns less than an honest provider.
func TestCheatingDoesNotPay(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Clients, cfg.Strategies = 4, []Strategy{Swapper, Selective, Whitewash}
	// The reduced form has fewer providers too: with one shard or two for each,
	// who earns more is the luck of the deal.
	cfg.Shards, cfg.Providers = size(10_000, 800), size(300, 100)
	for _, row := range worlds(t, cfg).Rows {
		// The interval of a difference of two independent means.
		less := row.HonestTotal.Value - row.CheatTotal.Value
		half := math.Hypot(row.HonestTotal.Value-row.HonestTotal.Low, row.CheatTotal.High-row.CheatTotal.Value)
		// In few shards the difference is there and not yet beyond its interval.
		if less <= 0 || less <= half && size(1, 0) == 1 {
			t.Errorf("%s: %s, honest providers %s", row.Strategy, number(row.CheatTotal), number(row.HonestTotal))
		}
		if row.FalseBlame.Value > 0.01 {
			t.Errorf("%s: honest work was blamed in %s", row.Strategy, percent(row.FalseBlame))
		}
	}
}

// known calls fn with what each honest client thinks of each provider at the end.
func (w *world) known(t *testing.T, fn func(*client, *provider, reputation.Standing)) {
	t.Helper()
	for _, c := range w.clients {
		for _, p := range w.providers {
			fn(c, p, w.standing(c, p))
		}
	}
	if w.fatal != nil {
		t.Fatal(w.fatal)
	}
}

func small(s Strategy) *world {
	cfg := Default()
	cfg.Providers, cfg.Validators, cfg.Clients, cfg.Shards, cfg.JobShards, cfg.Days = 60, 4, 3, 240, 40, 8
	return newWorld(cfg, s)
}

// TestSlanderLowersNobody: what slanderers say changes no score for the worse.
func TestSlanderLowersNobody(t *testing.T) {
	t.Parallel()
	w := small(Slander)
	if err := w.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	proven, heard := 0, 0
	w.known(t, func(c *client, p *provider, st reputation.Standing) {
		if st.Score < st.Direct {
			t.Errorf("%s has %v, by the client's own receipts %v", p.key.PubKey().Short(), st.Score, st.Direct)
		}
		proven += count(st.Direct > 0)
		heard += len(c.book.Opinions().Items())
	})
	if proven == 0 || heard == 0 {
		t.Fatalf("%d proven, %d documents heard: nothing was tried", proven, heard)
	}
}

// TestARingIsWorthWhatItWasPaid: praise among themselves gives the members of a
// ring no more weight than what the client itself paid to them.
func TestARingIsWorthWhatItWasPaid(t *testing.T) {
	t.Parallel()
	for _, s := range []Strategy{Sybil, Collude} {
		w := small(s)
		if err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		reference := float64(reputation.Default().Reference["credits"])
		paid, indirect := map[identity.PubKey]float64{}, map[identity.PubKey]float64{}
		w.known(t, func(c *client, p *provider, st reputation.Standing) {
			if p.player.strategy != s {
				return
			}
			x, err := c.book.Ledger().Explain(w.now, p.key.PubKey())
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range x.Items {
				paid[c.key.PubKey()] += float64(it.Amount) / reference
			}
			indirect[c.key.PubKey()] = max(indirect[c.key.PubKey()], st.Indirect)
		})
		for c, v := range indirect {
			if v > paid[c] {
				t.Errorf("%s: a member is worth %v by hearsay, all of them were paid %v", s, v, paid[c])
			}
		}
	}
}

// TestWhoDoesNotPayIsLeftAlone: a provider that was not paid computes nothing
// more for that client, and no provider loses more than the credit it gives.
func TestWhoDoesNotPayIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, s := range []Strategy{NonPaying, Withholding} {
		w := small(s)
		if err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		burnt := 0
		for _, p := range w.providers {
			if p.book == nil {
				continue
			}
			for _, c := range w.clients {
				known, err := p.book.Standing(w.now, c.key.PubKey(), reputation.App{}, "")
				if err != nil {
					t.Fatal(err)
				}
				if known.Owes == 0 {
					continue
				}
				burnt++
				if c.strategy == Honest || !w.refuses(p, c) {
					t.Errorf("%s: of %s it is said that it owes %d", s, c.strategy, known.Owes)
				}
				if known.Owes > creditLimit/w.usualPrice() {
					t.Errorf("%s: a provider computed %d shards for nothing", s, known.Owes)
				}
			}
		}
		if burnt == 0 {
			t.Errorf("%s: nobody noticed", s)
		}
		t.Logf("%s: %d providers were not paid, for %d results; %s", s, burnt, w.tally.unpaid, percent(w.row().Unpaid))
	}
}

// TestADeadBeatEarnsNothing: a validator that computes nothing is caught at what
// it is first asked, and is paid for none of it, while honest ones earn.
func TestADeadBeatEarnsNothing(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Validators, cfg.Clients, cfg.Strategies = 40, 4, []Strategy{DeadBeat}
	cfg.Shards = size(10_000, 800)
	row := worlds(t, cfg).Rows[0]
	if row.Detected.Value < 1 || row.Detected.N < 3 {
		t.Errorf("caught: %s", percent(row.Detected))
	}
	if row.CheatTotal.Value > 0 || row.HonestTotal.Value <= 0 {
		t.Errorf("dead-beat validators earn %s, honest ones %s", number(row.CheatTotal), number(row.HonestTotal))
	}
}
