package plot

import (
	"math"
	"strconv"
)

// scale maps values to places on the picture.
type scale struct {
	min, max float64 // of the data, or of their logarithms
	from, to float64 // on the picture
	log      bool
	ticks    []float64
}

// newScale fits an axis to values, and its ends to round numbers.
func newScale(a Axis, values []float64, from, to float64) scale {
	s := scale{from: from, to: to, log: a.Log}
	low, high := a.Min, a.Max
	if low == high {
		low, high = bounds(values, a.Log)
	}
	if a.Log {
		s.min, s.max = math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
		if s.min == s.max {
			s.max++
		}
		for e := s.min; e <= s.max; e++ {
			s.ticks = append(s.ticks, math.Pow(10, e))
		}
		return s
	}
	step := niceStep((high - low) / 5)
	s.min, s.max = math.Floor(low/step+1e-9)*step, math.Ceil(high/step-1e-9)*step
	if a.Min != a.Max {
		s.min, s.max = a.Min, a.Max
	}
	first, last := math.Ceil(s.min/step-1e-9), math.Floor(s.max/step+1e-9)
	for k := first; k <= last; k++ {
		s.ticks = append(s.ticks, k*step+0) // +0: no minus before a nought
	}
	return s
}

// bounds are the least and the greatest value; a scale that is not logarithmic
// begins at 0 unless values are below it.
func bounds(values []float64, log bool) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || log && v <= 0 {
			continue
		}
		low, high = min(low, v), max(high, v)
	}
	switch {
	case low > high && log:
		return 1, 10
	case low > high:
		return 0, 1
	case log:
		return low, high
	}
	low, high = min(low, 0), max(high, 0)
	if low == high {
		high = 1
	}
	return low, high
}

// niceStep is 1, 2 or 5 times a power of ten, the least not below v.
func niceStep(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, k := range []float64{1, 2, 5} {
		if v <= k*p*(1+1e-9) {
			return k * p
		}
	}
	return 10 * p
}

// at is the place of a value; those outside go to the edge.
func (s scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(max(v, math.Pow(10, s.min)))
	}
	v = min(max(v, s.min), s.max)
	return s.from + (v-s.min)/(s.max-s.min)*(s.to-s.from)
}

// word writes a tick's value.
func (a Axis) word(v float64) string {
	if a.Percent {
		return strconv.FormatFloat(100*v, 'g', 4, 64) + "%"
	}
	if math.Abs(v) >= 1e6 || v != 0 && math.Abs(v) < 1e-3 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
