package sample

import (
	"errors"
	"math"
	"slices"
	"testing"
)

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

func TestGreedy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		logits []float32
		want   int
	}{
		{[]float32{1, 3, 2}, 1}, {[]float32{2, 2, 2}, 0}, {[]float32{nan, 1, nan, 1}, 1}, {[]float32{nan, -inf, -5}, 2}, {[]float32{1, inf}, 1},
	} {
		got, err := New(Params{}, nil).Next(slices.Clone(tc.logits), nil)
		if err != nil || got != tc.want || Rank(tc.logits, got) != 0 {
			t.Errorf("%v: %d, %v, want %d", tc.logits, got, err, tc.want)
		}
	}
	for _, none := range [][]float32{nil, {nan}, {-inf, -inf}} {
		if _, err := New(Params{}, nil).Next(none, nil); !errors.Is(err, ErrNoToken) {
			t.Errorf("%v: %v", none, err)
		}
	}
}

// often counts what is drawn.
func often(p Params, logits []float32, prompt []int, n int) []int {
	counts := make([]int, len(logits))
	s := New(p, prompt)
	for range n {
		token, err := s.Next(slices.Clone(logits), nil)
		if err != nil {
			panic(err)
		}
		counts[token]++
	}
	return counts
}

func TestDraw(t *testing.T) {
	t.Parallel()
	logits := []float32{float32(math.Log(0.5)), float32(math.Log(0.3)), float32(math.Log(0.15)), float32(math.Log(0.05)), nan}
	const n = 20_000
	for name, tc := range map[string]struct {
		p    Params
		want []float64
	}{
		"all":         {Params{Temperature: 1}, []float64{0.5, 0.3, 0.15, 0.05, 0}},
		"top 2":       {Params{Temperature: 1, TopK: 2}, []float64{0.625, 0.375, 0, 0, 0}},
		"top p":       {Params{Temperature: 1, TopP: 0.6}, []float64{0.625, 0.375, 0, 0, 0}},
		"both":        {Params{Temperature: 1, TopK: 2, TopP: 0.6}, []float64{1, 0, 0, 0, 0}},
		"min p":       {Params{Temperature: 1, MinP: 0.5}, []float64{0.625, 0.375, 0, 0, 0}},
		"cold":        {Params{Temperature: 0.5}, []float64{0.685, 0.247, 0.062, 0.007, 0}},
		"top of more": {Params{Temperature: 1, TopK: 40}, []float64{0.5, 0.3, 0.15, 0.05, 0}},
		"bias":        {Params{Temperature: 1, Bias: map[int]float64{0: -100, 99: 5}}, []float64{0, 0.6, 0.3, 0.1, 0}},
	} {
		tc.p.Seed = 7
		got := often(tc.p, logits, nil, n)
		for i, want := range tc.want {
			if share := float64(got[i]) / n; math.Abs(share-want) > 0.015 {
				t.Errorf("%s: token %d has share %.3f, want %.3f", name, i, share, want)
			}
		}
		if !slices.Equal(got, often(tc.p, logits, nil, n)) {
			t.Errorf("%s: not the same with the same seed", name)
		}
	}
}

func TestPenalties(t *testing.T) {
	t.Parallel()
	logits := []float32{2, 1.5, -1}
	next := func(s *Sampler) int {
		token, err := s.Next(slices.Clone(logits), nil)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	s := New(Params{Frequency: 0.3}, []int{0, 0, 0})
	for i, want := range []int{0, 0, 1} {
		if got := next(s); got != want {
			t.Errorf("frequency, choice %d: %d", i, got)
		}
		s.Accept(want)
	}
	s = New(Params{Presence: 1}, nil)
	s.Accept(0)
	if next(s) != 1 {
		t.Error("presence does not count")
	}
	if next(New(Params{Repeat: 2}, []int{0})) != 1 || next(New(Params{Repeat: 1}, []int{0})) != 0 {
		t.Error("repeat counts wrong")
	}
}

// odd allows odd tokens only.
type odd struct{}

func (odd) Allows(token int) bool { return token%2 == 1 }
func (odd) Mask(logits []float32) {
	for i := range logits {
		if i%2 == 0 {
			logits[i] = -inf
		}
	}
}

func TestConstraint(t *testing.T) {
	t.Parallel()
	logits := []float32{3, 1, 2, 0}
	if got, err := New(Params{}, nil).Next(slices.Clone(logits), odd{}); err != nil || got != 1 {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := New(Params{}, nil).Next([]float32{1}, odd{}); !errors.Is(err, ErrNoToken) {
		t.Errorf("nothing allowed: %v", err)
	}
	// Choosing freely first must not change the shares of what is allowed.
	s, counts := New(Params{Temperature: 1, Seed: 3}, nil), make([]float64, 4)
	for range 20_000 {
		token, _ := s.Next(slices.Clone(logits), odd{})
		counts[token]++
	}
	if share := counts[1] / 20_000; math.Abs(share-0.731) > 0.015 || counts[0]+counts[2] > 0 {
		t.Errorf("shares %v", counts)
	}
}

func TestLogprobs(t *testing.T) {
	t.Parallel()
	logits := []float32{1, nan, 3, 2, 3}
	norm := Norm(logits)
	sum := 0.0
	for i, l := range logits {
		if l == l {
			sum += math.Exp(Of(logits, i, norm))
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("probabilities make up %v", sum)
	}
	var tokens []int
	for _, l := range Top(logits, 4, norm) {
		tokens = append(tokens, l.Token)
	}
	if !slices.Equal(tokens, []int{2, 4, 3, 0}) || len(Top(logits, 0, norm)) != 0 || len(Top(logits, 20, norm)) != 5 {
		t.Errorf("likeliest %v", tokens)
	}
	for i, want := range []int{3, 4, 0, 2, 1} {
		if got := Rank(logits, i); got != want {
			t.Errorf("rank of %d is %d, want %d", i, got, want)
		}
	}
	if p := Of(logits, 1, norm); p != -9999 {
		t.Errorf("what is no number has log-probability %v", p)
	}
}
