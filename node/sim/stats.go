package sim

import (
	"math"
	"math/rand/v2"
	"slices"
)

// z95 is the two-sided 95% point of the normal distribution.
const z95 = 1.959963984540054

// Proportion is k of n with Wilson's score interval (Wilson 1927), which stays
// sensible where k is 0 or n.
func Proportion(k, n int) Estimate {
	if n <= 0 {
		return Estimate{}
	}
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z95*z95/(2*m)) / (1 + z95*z95/m)
	half := z95 / (1 + z95*z95/m) * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	return Estimate{Value: p, Low: min(max(0, mid-half), p), High: max(min(1, mid+half), p), N: n}
}

// resamples of a bootstrap; the interval's own noise is then some percent of its width.
const resamples = 600

// Mean is the mean of the values with the percentile interval of the bootstrap
// (Efron 1979): no shape is assumed, and incomes have none.
func Mean(values []float64, seed uint64) Estimate {
	return bootstrap(len(values), seed, func(pick func(int) int) float64 {
		sum := 0.0
		for i := range values {
			sum += values[pick(i)]
		}
		return sum / float64(len(values))
	})
}

// Ratio is the sum of num over the sum of den, both by case, with the same interval.
func Ratio(num, den []float64, seed uint64) Estimate {
	return bootstrap(len(num), seed, func(pick func(int) int) float64 {
		var a, b float64
		for i := range num {
			k := pick(i)
			a, b = a+num[k], b+den[k]
		}
		if b == 0 {
			return 0
		}
		return a / b
	})
}

func bootstrap(n int, seed uint64, of func(pick func(int) int) float64) Estimate {
	if n == 0 {
		return Estimate{}
	}
	r := rand.New(rand.NewPCG(seed, 0x626f6f74))
	again := make([]float64, resamples)
	for i := range again {
		again[i] = of(func(int) int { return r.IntN(n) })
	}
	slices.Sort(again)
	return Estimate{
		Value: of(func(i int) int { return i }), N: n,
		Low: again[resamples*25/1000], High: again[resamples-1-resamples*25/1000],
	}
}
