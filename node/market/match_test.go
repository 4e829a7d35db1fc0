package market

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

var now = time.Unix(1_800_000_000, 0)

func key(n int) identity.PubKey { return identity.PubKey{31: byte(n)} }

func good(n int) Candidate {
	return Candidate{
		Provider: key(n), Score: 0.9,
		Offer: &wire.ProviderOffer{
			Network: "test", Class: "x", Version: "v1.2.0", Roles: []string{"provider"}, Isolation: []string{"runc"}, Rails: []string{"credit"},
			Hardware: wire.Hardware{OS: "linux", Arch: "amd64", Cores: 4, MemoryBytes: 8 << 30, DiskBytes: 100 << 30,
				GPUs: []wire.GPU{{VRAMBytes: 8 << 30}, {VRAMBytes: 24 << 30}}},
		},
		Quote: &wire.Quote{
			Price: wire.Rate{Base: 2, PerUnit: 1}, Unit: "credits", Rail: "credit", Slots: 2, ETAMS: 1000,
			Class: "x", CreditLeft: 1000, Expires: now.Unix() + 30,
		},
	}
}

func need() Need {
	return Need{
		Network: "test", Version: "1.1", Isolation: []string{"gvisor", "runc"}, OS: "linux", Arch: "amd64", CPUMillis: 4000,
		MemoryBytes: 8 << 30, DiskBytes: 1 << 30, GPUs: 1, VRAMBytes: 24 << 30, Rail: "credit", Unit: payments.Credits,
		Units: 10, MaxPrice: 12, Class: "x", MaxETA: time.Second,
	}
}

// TestFirstFailedPredicate breaks one thing at a time, and everything after it,
// so that the order is held as well as each predicate.
func TestFirstFailedPredicate(t *testing.T) {
	t.Parallel()
	policy := Policy{Now: now, ScoreFloor: 0.5, Exclude: map[identity.PubKey]string{key(9): "caught"}}
	breaks := []struct {
		name string
		do   func(*Candidate)
		hint string
	}{
		{Expired, func(c *Candidate) { c.Quote.Expires = now.Unix() }, "asked again"},
		{Reputation, func(c *Candidate) { c.Score = 0.1 }, "floor"},
		{ETA, func(c *Candidate) { c.Quote.ETAMS = 1001 }, "timeouts.job"},
		{Credit, func(c *Candidate) { c.Quote.CreditLeft = 11 }, "settle"},
		{Slots, func(c *Candidate) { c.Quote.Slots = 0 }, "wait"},
		{Price, func(c *Candidate) { c.Quote.Price.Base = 3 }, "13 credits"},
		{Class, func(c *Candidate) { c.Quote.Class = "y" }, "class"},
		{Unit, func(c *Candidate) { c.Quote.Unit = "msat" }, "unit"},
		{NoQuote, func(c *Candidate) { c.Quote, c.Refused = nil, "busy\x1b[31m" }, "declined"},
		{RailName, func(c *Candidate) { c.Offer.Rails = []string{"lightning"} }, "payment.rail"},
		{VRAM, func(c *Candidate) { c.Offer.Hardware.GPUs[1].VRAMBytes = 16 << 30 }, "resources.vram to 16384MiB"},
		{GPU, func(c *Candidate) { c.Offer.Hardware.GPUs = nil }, "resources.gpu to 0"},
		{Disk, func(c *Candidate) { c.Offer.Hardware.DiskBytes = 1 << 20 }, "resources.disk to 1MiB"},
		{Memory, func(c *Candidate) { c.Offer.Hardware.MemoryBytes = 1 << 30 }, "resources.memory to 1024MiB"},
		{CPU, func(c *Candidate) { c.Offer.Hardware.Cores = 2 }, "resources.cpu to 2"},
		{Arch, func(c *Candidate) { c.Offer.Hardware.Arch = "arm64" }, "image"},
		{OS, func(c *Candidate) { c.Offer.Hardware.OS = "darwin" }, "image"},
		{Isolation, func(c *Candidate) { c.Offer.Isolation = nil }, "tier"},
		{Role, func(c *Candidate) { c.Offer.Roles = []string{"relay"} }, "role provider"},
		{Version, func(c *Candidate) { c.Offer.Version = "v1.0.9-dirty" }, "upgrade"},
		{Network, func(c *Candidate) { c.Offer.Network = "main" }, "network"},
		{NoOffer, func(c *Candidate) { c.Offer = nil }, "reachable"},
		{Excluded, func(c *Candidate) { c.Provider = key(9) }, "stays out"},
	}
	c := good(1)
	if ok, dropped := Match(need(), []Candidate{c}, policy); len(ok) != 1 || dropped != nil {
		t.Fatalf("%+v %+v", ok, dropped)
	}
	var order []string
	for _, b := range breaks {
		b.do(&c)
		ok, dropped := Match(need(), []Candidate{c}, policy)
		if len(ok) != 0 || len(dropped) != 1 {
			t.Fatalf("%s: %+v %+v", b.name, ok, dropped)
		}
		d := dropped[0]
		if d.Predicate != b.name || !strings.Contains(d.Hint, b.hint) || strings.ContainsRune(d.Have, '\x1b') {
			t.Errorf("%s: %+v", b.name, d)
		}
		order = append(order, b.name)
	}
	slices.Reverse(order)
	if !slices.Equal(order, Predicates()) {
		t.Errorf("order\n%v, want\n%v", Predicates(), order)
	}
}

func TestRanking(t *testing.T) {
	t.Parallel()
	best, cheap, slow, warm, fresh := good(1), good(2), good(3), good(4), good(5)
	best.Score = 1
	cheap.Score, cheap.Quote.Price = 0.6, wire.Rate{Base: 2}
	slow.Quote.ETAMS = 60_000
	warm.Quote.HasModel = true
	fresh.New, fresh.Score = true, 0
	n := need()
	n.MaxETA, n.Model = 0, "m"
	all := []Candidate{slow, fresh, best, warm, cheap}
	ok, _ := Match(n, all, Policy{Now: now, ScoreFloor: 0.5})
	if got := order(ok); got != "4 2 1 5 3" && got != "2 4 1 5 3" {
		t.Errorf("order %s", got)
	}
	slices.Reverse(all)
	again, _ := Match(n, all, Policy{Now: now, ScoreFloor: 0.5})
	if order(again) != order(ok) {
		t.Errorf("the order of the candidates matters: %s and %s", order(ok), order(again))
	}
	explored, _ := Match(n, all, Policy{Now: now, ExplorePct: 100})
	if order(explored)[0] != '5' || !explored[0].Explore || explored[1].Explore {
		t.Errorf("exploration: %s", order(explored))
	}
}

func order(rs []Ranked) string {
	var out []string
	for _, r := range rs {
		out = append(out, fmt.Sprint(r.Provider[31]))
	}
	return strings.Join(out, " ")
}

// TestEveryCandidateIsAnswered: nobody is lost, whatever strangers signed.
func TestEveryCandidateIsAnswered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var cands []Candidate
		big := rapid.OneOf(rapid.Uint64Range(0, 10), rapid.Uint64())
		for i := range rapid.IntRange(0, 12).Draw(r, "n") {
			c := good(i)
			if rapid.IntRange(0, 4).Draw(r, "gone") == 0 {
				c.Quote = nil
			} else {
				c.Quote.Price = wire.Rate{Base: big.Draw(r, "base"), PerUnit: big.Draw(r, "per unit")}
				c.Quote.ETAMS, c.Quote.CreditLeft = big.Draw(r, "eta"), big.Draw(r, "credit")
				c.Quote.Expires = rapid.Int64().Draw(r, "expires")
			}
			c.New, c.Score = rapid.Bool().Draw(r, "new"), rapid.Float64().Draw(r, "score")
			cands = append(cands, c)
		}
		n := need()
		n.Units, n.MaxPrice = big.Draw(r, "units"), big.Draw(r, "max")
		policy := Policy{Now: now, ExplorePct: rapid.Uint32Range(0, 120).Draw(r, "explore"), Seed: wire.ID{1}}
		ok, dropped := Match(n, cands, policy)
		if len(ok)+len(dropped) != len(cands) {
			r.Fatalf("%d and %d of %d", len(ok), len(dropped), len(cands))
		}
		seen := map[identity.PubKey]bool{}
		for _, o := range ok {
			if seen[o.Provider] || o.Price.Value > n.MaxPrice || !(o.Rank >= 0) {
				r.Fatalf("%+v", o)
			}
			seen[o.Provider] = true
		}
		ok2, dropped2 := Match(n, cands, policy)
		if !reflect.DeepEqual(ok, ok2) || !reflect.DeepEqual(dropped, dropped2) {
			r.Fatal("not always the same")
		}
	})
}

// What a job asks for spares nobody; the node's own floor spares newcomers.
func TestMinReputation(t *testing.T) {
	t.Parallel()
	n := need()
	n.MinReputation = 0.6
	well, fresh, low, odd := good(1), good(2), good(3), good(4)
	fresh.New, fresh.Score = true, 0.9 // of a newcomer no score counts
	low.Score = 0.599
	odd.Score = math.NaN()
	ok, dropped := Match(n, []Candidate{well, fresh, low, odd}, Policy{Now: now, ScoreFloor: 0.1})
	if len(ok) != 1 || ok[0].Provider != key(1) || len(dropped) != 3 {
		t.Fatalf("%d match, %d do not", len(ok), len(dropped))
	}
	for _, d := range dropped {
		if d.Predicate != Reputation || d.Want != "at least 0.60" || !strings.Contains(d.Hint, "ask for a reputation of 0.") {
			t.Errorf("%+v", d)
		}
	}
	n.MinReputation = 0
	if ok, _ := Match(n, []Candidate{fresh}, Policy{Now: now, ScoreFloor: 0.5}); len(ok) != 1 {
		t.Error("a newcomer is held to the floor")
	}
}

// A newcomer is tried with what is cheap only.
func TestExploreMax(t *testing.T) {
	t.Parallel()
	var cands []Candidate
	for i := range 20 {
		c := good(i + 1)
		if c.New = i >= 15; c.New {
			c.Quote.Price.Base, c.Quote.Price.PerUnit = uint64(i-15), 0
		} else {
			c.Quote.Price = wire.Rate{}
		}
		cands = append(cands, c)
	}
	explored := 0
	for seed := range byte(50) {
		ok, _ := Match(need(), cands, Policy{Now: now, ExplorePct: 30, ExploreMax: 2, Seed: wire.ID{seed}})
		for _, r := range ok {
			if r.Explore && r.Price.Value > 2 {
				t.Fatalf("one for %s was tried", r.Price)
			}
			if r.Explore {
				explored++
			}
		}
	}
	if explored == 0 {
		t.Error("nobody was tried")
	}
}

func TestBand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var all []Ranked
		best := 0.0
		for range rapid.IntRange(0, 12).Draw(r, "n") {
			x := rapid.Float64Range(0, 10).Draw(r, "rank")
			all, best = append(all, Ranked{Rank: x}), max(best, x)
		}
		in := Band(all)
		if len(all) > 0 && len(in) == 0 {
			r.Fatal("nobody is as good as the best")
		}
		for _, x := range in {
			if x.Rank < best/BandWidth-1e-9 {
				r.Fatalf("%v is in the band of %v", x.Rank, best)
			}
		}
	})
}
