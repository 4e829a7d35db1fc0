package choose

import (
	"math"
	"slices"
)

// usual tokens of a request that does not say.
const (
	usualIn  = 500
	usualOut = 250
)

// cost of the expected request, in millionths; one is added so that prices of
// nothing can be compared too.
func (c Candidate) cost(n Need) float64 {
	in, out := float64(n.ExpectIn), float64(n.ExpectOut)
	if in == 0 && out == 0 {
		in, out = usualIn, usualOut
	}
	return 1 + in*float64(c.In) + out*float64(c.Out)
}

// seconds that the expected answer takes; 0 when not measured.
func (c Candidate) seconds(n Need) float64 {
	if c.TPSMilli == 0 {
		return 0
	}
	out := float64(n.ExpectOut)
	if out == 0 {
		out = usualOut
	}
	return 0.01 + float64(c.TTFTMS)/1000 + out*1000/float64(c.TPSMilli)
}

// prices are the costs of list's members in, comparable by their ratio: a tenth
// of what is usual is added to each, so that one who asks nothing is not
// infinitely better than one who asks little. What is usual is the lower median,
// which a few absurd prices do not move.
func prices(list []Candidate, in []int, need Need) []float64 {
	out := make([]float64, len(in))
	var paid []float64
	for k, i := range in {
		out[k] = list[i].cost(need)
		if list[i].In+list[i].Out > 0 {
			paid = append(paid, out[k])
		}
	}
	if len(paid) > 0 {
		slices.Sort(paid)
		usual := paid[(len(paid)-1)/2]
		for k := range out {
			out[k] += usual / 10
		}
	}
	return out
}

// spread is how the floor's share is divided: inversely to the price, so that
// what exploring costs is the same for each and asking absurdly much earns
// nothing. It adds up to 1.
func spread(prices []float64) []float64 {
	out, sum := make([]float64, len(prices)), 0.0
	for i, p := range prices {
		out[i] = 1 / p
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// maxRatio bounds how much one number that a provider merely tells can bring
// it: a claim of a billion tokens a second is worth no more than one of e³ times
// the slowest. A price binds it and needs no such bound.
const maxRatio = 3

// scores of list's members in, in their order.
func (p Params) scores(list []Candidate, in []int, prices []float64, need Need) []float64 {
	var times []float64
	for _, i := range in {
		if s := list[i].seconds(need); s > 0 {
			times = append(times, s)
		}
	}
	slices.Sort(times)
	out := make([]float64, len(in))
	for k, i := range in {
		c := list[i]
		s := -p.Price * math.Log(prices[k]/slices.Min(prices))
		if len(times) > 0 {
			t := c.seconds(need)
			if t == 0 { // not measured: as the slower half
				t = times[len(times)*3/4]
			}
			s -= p.Speed * math.Min(maxRatio, math.Log(t/times[0]))
		}
		out[k] = s + p.merits(c)
	}
	return out
}

// merits are what counts of a candidate whoever else there is.
func (p Params) merits(c Candidate) float64 {
	s := -p.Queue * math.Min(maxRatio, float64(c.Queue+c.Active)/float64(max(c.Slots, 1)))
	s += p.Reputation * math.Max(0, math.Min(1, c.Reputation))
	s -= p.Failures * math.Max(0, math.Min(maxRatio, c.Failures))
	if c.Warm {
		s += p.Warm
	}
	if c.Session {
		s += p.Session
	}
	if c.Resting {
		s -= maxRatio
	}
	return s
}
