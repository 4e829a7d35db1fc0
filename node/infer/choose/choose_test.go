package choose

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func plain() Candidate {
	return Candidate{In: 1000, Out: 3000, TPSMilli: 50_000, TTFTMS: 100, Slots: 4, Warm: true}
}

// first returns the index that is likeliest.
func first(t *testing.T, list []Candidate, n Need) int {
	t.Helper()
	ranked, _ := Default().Rank(list, n)
	if len(ranked) == 0 {
		t.Fatal("nobody eligible")
	}
	return ranked[0].Index
}

func TestEachMeritCounts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Candidate){
		"price in":   func(c *Candidate) { c.In *= 3 },
		"price out":  func(c *Candidate) { c.Out *= 2 },
		"speed":      func(c *Candidate) { c.TPSMilli /= 2 },
		"unmeasured": func(c *Candidate) { c.TPSMilli = 0 },
		"queue":      func(c *Candidate) { c.Queue = 4 },
		"active":     func(c *Candidate) { c.Active = 2 },
		"cold":       func(c *Candidate) { c.Warm = false },
		"failures":   func(c *Candidate) { c.Failures = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			worse, slow := plain(), plain()
			slow.TPSMilli, slow.Failures = 10_000, 3
			change(&worse)
			if got := first(t, []Candidate{worse, plain(), slow}, Need{}); got != 1 {
				t.Errorf("the worse one is likelier")
			}
		})
	}
	better := plain()
	better.Reputation = 0.5
	if first(t, []Candidate{plain(), better}, Need{}) != 1 {
		t.Error("reputation does not count")
	}
	dear := plain()
	dear.Session, dear.In, dear.Out = true, 3000, 9000
	if first(t, []Candidate{plain(), dear}, Need{}) != 1 {
		t.Error("the conversation's provider is not kept at three times the price")
	}
}

func TestDroppedKeepReasons(t *testing.T) {
	t.Parallel()
	cases := []struct {
		want   error
		change func(*Candidate)
		need   Need
	}{
		{ErrTooDear, func(c *Candidate) { c.In = 2000 }, Need{MaxIn: 1500}},
		{ErrTooDear, func(c *Candidate) { c.Out = 9000 }, Need{MaxOut: 8999}},
		{ErrNoSlots, func(c *Candidate) { c.Slots = 0 }, Need{}},
		{ErrNoCredit, func(c *Candidate) { c.Credit, c.Owing = 4, 5 }, Need{}},
		{ErrContext, func(c *Candidate) { c.Context = 512 }, Need{Context: 513}},
		{ErrBudget, func(c *Candidate) { c.Credit, c.Owing = 100, 50 }, Need{Budget: 49}},
		{ErrReputation, func(c *Candidate) { c.Reputation = 0.1 }, Need{MinReputation: 0.2}},
		{ErrSlow, func(c *Candidate) { c.TPSMilli = 1 }, Need{MinTPSMilli: 2}},
		{ErrSlow, func(c *Candidate) { c.TTFTMS = 0 }, Need{MaxTTFTMS: 100}},
		{ErrResting, func(c *Candidate) { c.Resting = true }, Need{}},
	}
	for _, c := range cases {
		bad := plain()
		c.change(&bad)
		good := plain()
		good.Reputation = 1
		ranked, reasons := Default().Rank([]Candidate{bad, good}, c.need)
		if !errors.Is(reasons[0], c.want) || reasons[1] != nil {
			t.Errorf("reasons %v, want %v for the first", reasons, c.want)
		}
		if len(ranked) != 1 || ranked[0].Index != 1 || math.Abs(ranked[0].Probability-1) > 1e-9 {
			t.Errorf("%v: ranked %v, want the second alone", c.want, ranked)
		}
	}
	tired := plain()
	tired.Resting = true
	if ranked, _ := Default().Rank([]Candidate{tired}, Need{}); len(ranked) != 1 {
		t.Error("the only provider is not asked although it rests")
	}
}

// TestNobodyTakesAll holds for any candidates: probabilities add up, everyone
// eligible has the floor's share, and nobody has all unless alone.
func TestNobodyTakesAll(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	wild := func() Candidate {
		big := func() uint64 { return rnd.Uint64() >> (2 + rnd.IntN(62)) }
		return Candidate{
			In: big() >> 20, Out: big() >> 20, TPSMilli: big(), TTFTMS: big() >> 8, Queue: rnd.Uint32(), Slots: rnd.Uint32N(9),
			Active: rnd.Uint32N(99), Reputation: rnd.Float64()*4 - 1, Failures: rnd.ExpFloat64() * 9,
			Warm: rnd.IntN(2) == 0, Session: rnd.IntN(5) == 0, Resting: rnd.IntN(5) == 0,
		}
	}
	p := Default()
	for range 5000 {
		list := make([]Candidate, 1+rnd.IntN(24))
		for i := range list {
			list[i] = wild()
		}
		ranked, reasons := p.Rank(list, Need{})
		eligible := 0
		for _, r := range reasons {
			if r == nil {
				eligible++
			}
		}
		if eligible != len(ranked) {
			t.Fatalf("%d eligible, %d ranked", eligible, len(ranked))
		}
		sum := 0.0
		for _, r := range ranked {
			sum += r.Probability
			if !(r.Probability > 0) {
				t.Fatalf("probability %v of %d", r.Probability, eligible)
			}
			if eligible > 1 && !(r.Probability < 1) {
				t.Fatalf("one of %d has %v", eligible, r.Probability)
			}
		}
		if eligible > 0 && math.Abs(sum-1) > 1e-9 {
			t.Fatalf("probabilities add up to %v", sum)
		}
	}
}

// TestAbsurdPrices: at equal prices each has an equal part of the floor; who
// asks much more is tried so rarely that it does not earn more by it.
func TestAbsurdPrices(t *testing.T) {
	t.Parallel()
	p := Default()
	list := []Candidate{plain(), plain(), plain(), plain()}
	list[3].Failures = 3
	ranked, _ := p.Rank(list, Need{})
	if last := ranked[3]; last.Index != 3 || last.Probability < p.Floor/4 {
		t.Errorf("%+v, at equal prices %v is everyone's", last, p.Floor/4)
	}
	for _, times := range []uint64{10, 1000, 1_000_000} {
		list := []Candidate{plain(), plain()}
		list[1].In *= times
		list[1].Out *= times
		ranked, _ := p.Rank(list, Need{})
		if got := ranked[1].Probability * float64(times); got > 0.2 {
			t.Errorf("asking %d times as much brings %.3f of what all would cost", times, got)
		}
	}
	free := []Candidate{plain(), plain()}
	free[0].In, free[0].Out = 0, 0
	if ranked, _ := p.Rank(free, Need{}); ranked[1].Probability < 0.002 {
		t.Errorf("a price of nothing leaves %v to others", ranked[1].Probability)
	}
}

// TestDraw sends many requests: the cheapest of ten gets most, everyone some.
func TestDraw(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	list := make([]Candidate, 10)
	for i := range list {
		list[i] = plain()
		list[i].Out *= uint64(1 + 20*i)
	}
	ranked, _ := Default().Rank(list, Need{})
	const n = 20_000
	var got [10]int
	for range n {
		order := Draw(ranked, rnd.Float64)
		if len(order) != len(ranked) {
			t.Fatalf("%d drawn of %d", len(order), len(ranked))
		}
		got[order[0].Index]++
	}
	for _, r := range ranked {
		have, want := float64(got[r.Index])/n, r.Probability
		if math.Abs(have-want) > 4*math.Sqrt(want/n)+0.001 {
			t.Errorf("candidate %d was first in %.4f, its probability is %.4f", r.Index, have, want)
		}
	}
	if got[0] < n/2 || got[0] == n {
		t.Errorf("the cheapest was first %d times of %d", got[0], n)
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Params){
		func(p *Params) { p.Price = -1 }, func(p *Params) { p.Speed = math.NaN() },
		func(p *Params) { p.Temperature = 0 }, func(p *Params) { p.Floor = 0 }, func(p *Params) { p.SessionFloor = 2 },
	} {
		p := Default()
		change(&p)
		if !errors.Is(p.Validate(), ErrParams) {
			t.Errorf("%+v was accepted", p)
		}
	}
}
