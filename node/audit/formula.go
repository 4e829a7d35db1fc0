package audit

import "math"

// Caught is the chance that somebody who cheats in a share f of its results is
// caught within n of them, at audit rate q and detection power d: 1-(1-qfd)^n.
func Caught(q, f, d float64, n int) float64 {
	if n <= 0 {
		return 0
	}
	return 1 - math.Pow(1-hit(q, f, d), float64(n))
}

// Until is how many results it takes until such a cheater is caught with the
// given confidence; -1 when it never is.
func Until(q, f, d, confidence float64) int {
	p, c := hit(q, f, d), unit(confidence)
	switch {
	case c == 0:
		return 0
	case p == 0, c == 1 && p < 1:
		return -1
	case p == 1:
		return 1
	}
	return int(math.Ceil(math.Log(1-c)/math.Log(1-p) - 1e-9))
}

// WrongBeforeCatch is how many wrong results of one who always cheats are
// accepted, in expectation, before the first is caught: (1-q)/q.
func WrongBeforeCatch(q float64) float64 {
	if q = unit(q); q == 0 {
		return math.Inf(1)
	}
	return (1 - q) / q
}

// MinRate is the rate from which cheating does not pay: gain/(gain+credit), the
// gain of a cheated shard and what is unpaid when it is caught both in shards.
func MinRate(gain, credit float64) float64 {
	if gain = max(gain, 0); gain == 0 {
		return 0
	}
	return gain / (gain + max(credit, 0))
}

// hit is the chance that one result exposes the cheater.
func hit(q, f, d float64) float64 { return unit(q) * unit(f) * unit(d) }

// unit puts a probability into 0..1; what is no number is 0.
func unit(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return min(x, 1)
}
