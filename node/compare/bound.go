package compare

import (
	"math"
	"slices"
)

// UpperBound is the upper end of the one-sided confidence interval of a rate of
// which k of n cases were seen (Clopper and Pearson, 1934).
func UpperBound(k, n int, confidence float64) float64 {
	if n <= 0 || k >= n {
		return 1
	}
	low, high := 0.0, 1.0
	for range 200 {
		p := (low + high) / 2
		if atMost(k, n, p) > 1-confidence {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// Enough is how many honest samples, none of them called wrong, show a rate of
// at most ppm parts per million at a confidence.
func Enough(ppm uint32, confidence float64) int {
	if ppm == 0 || ppm >= 1_000_000 {
		return 1
	}
	return int(math.Ceil(math.Log1p(-confidence) / math.Log1p(-float64(ppm)/1e6)))
}

// atMost is the probability of k or fewer of n cases at rate p.
func atMost(k, n int, p float64) float64 {
	sum := 0.0
	lp, lq := math.Log(p), math.Log1p(-p)
	ln, _ := math.Lgamma(float64(n) + 1)
	for i := 0; i <= k; i++ {
		a, _ := math.Lgamma(float64(i) + 1)
		b, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(ln - a - b + float64(i)*lp + float64(n-i)*lq)
	}
	return min(sum, 1)
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
