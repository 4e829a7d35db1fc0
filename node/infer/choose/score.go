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

// maxRatio bounds how much one number that a provider tells can bring it: a
// claim of a billion tokens a second is worth no more than one of e³ times the
// slowest.
const maxRatio = 3

// scores of list's members in, in their order.
func (p Params) scores(list []Candidate, in []int, need Need) []float64 {
	var costs, times []float64
	for _, i := range in {
		costs = append(costs, list[i].cost(need))
		if s := list[i].seconds(need); s > 0 {
			times = append(times, s)
		}
	}
	slices.Sort(times)
	out := make([]float64, len(in))
	for k, i := range in {
		c := list[i]
		s := -p.Price * math.Min(maxRatio, math.Log(costs[k]/slices.Min(costs)))
		if len(times) > 0 {
			t := c.seconds(need)
			if t == 0 { // not measured: as the slower half
				t = times[len(times)*3/4]
			}
			s -= p.Speed * math.Min(maxRatio, math.Log(t/times[0]))
		}
		s -= p.Queue * math.Min(maxRatio, float64(c.Queue+c.Active)/float64(max(c.Slots, 1)))
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
		out[k] = s
	}
	return out
}
