package bench

import (
	"math"
	"slices"
	"time"

	"infernet.tech/infernet/exec"
)

// Series is a number of measurements of one thing.
type Series struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"` // the ninth tenth: as slow, or slower, is one in ten
	P99    float64 `json:"p99"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// summarise sorts a copy of the values.
func summarise(values []float64) Series {
	if len(values) == 0 {
		return Series{}
	}
	v := slices.Sorted(slices.Values(values))
	return Series{
		N: len(v), Median: quantile(v, 0.5), P90: quantile(v, 0.9), P99: quantile(v, 0.99), Min: round(v[0]), Max: round(v[len(v)-1]),
	}
}

// quantile reads between the two nearest of the sorted values.
func quantile(v []float64, q float64) float64 {
	at := q * float64(len(v)-1)
	low := int(at)
	high := min(low+1, len(v)-1)
	return round(v[low] + (at-float64(low))*(v[high]-v[low]))
}

// round keeps what a noisy machine can tell: hundredths, and two digits of what
// is smaller, for little is not nothing.
func round(v float64) float64 {
	scale := 100.0
	for small := math.Abs(v); small > 0 && small*scale < 10 && scale < 1e12; {
		scale *= 10
	}
	return math.Round(v*scale) / scale
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return round(a / b)
}

func millis(d time.Duration) float64 { return d.Seconds() * 1000 }

// Machine is where the numbers were made.
type Machine struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	MemoryBytes uint64 `json:"memory_bytes"`
}

func thisMachine() Machine {
	h := exec.Host()
	return Machine{OS: h.OS, Arch: h.Arch, CPU: h.CPUModel, Cores: h.Cores, MemoryBytes: h.MemoryBytes}
}
