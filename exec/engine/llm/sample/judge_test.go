package sample

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestJudgeDrawsAsNext holds the two to the same choices, in all the ways to
// choose, and what is told of them to what it means.
func TestJudgeDrawsAsNext(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Params{
		"greedy": {}, "all": {Temperature: 1}, "cut": {Temperature: 0.8, TopK: 20, TopP: 0.9, MinP: 0.01},
		"penalties": {Temperature: 1.2, Frequency: 0.4, Presence: 0.2, Repeat: 1.3}, "bias": {Temperature: 1, Bias: map[int]float64{3: 5, 4: -5}},
		"least": {Temperature: 0.7, MinP: 0.1},
	} {
		p.Seed = 11
		rnd := rand.New(rand.NewPCG(1, 2))
		next, judge := New(p, []int{1, 2, 3}), New(p, []int{1, 2, 3})
		surprise, variance := 0.0, 0.0
		for i := range 3000 {
			logits := make([]float32, 100)
			for k := range logits {
				logits[k] = float32(rnd.NormFloat64() * 2)
			}
			chosen, err := next.Next(slices.Clone(logits), nil)
			if err != nil {
				t.Fatal(err)
			}
			j, err := judge.Judge(slices.Clone(logits), chosen)
			if err != nil || j.Drawn != chosen || j.Gap != 0 || j.Outside || (j.Rank == 0) != (j.Best == chosen) {
				t.Fatalf("%s, choice %d: %d was drawn, judged %+v (%v)", name, i, chosen, j, err)
			}
			next.Accept(chosen)
			judge.Accept(chosen)
			surprise -= j.Sampled + j.Entropy
			variance += j.Varentropy
		}
		if p.Temperature > 0 && math.Abs(surprise/math.Sqrt(variance)) > 4 {
			t.Errorf("%s: draws surprise by %.1f standard deviations", name, surprise/math.Sqrt(variance))
		}
	}
}

func TestJudgeOfOthers(t *testing.T) {
	t.Parallel()
	logits := []float32{3, 2.9, 1, -2}
	judge := func(p Params, claimed ...int) Judgement {
		j, err := New(p, nil).Judge(slices.Clone(logits), claimed...)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	if j := judge(Params{}, 1); j.Rank != 1 || math.Abs(j.Gap-0.1) > 1e-6 || j.Sampled != 0 || j.Entropy != 0 {
		t.Errorf("the second best: %+v", j)
	}
	if j := judge(Params{Temperature: 1, TopK: 2}, 2); !j.Outside || math.Abs(j.Gap-1.9) > 1e-5 || j.Sampled < -5 {
		t.Errorf("a token that is cut off: %+v", j)
	}
	if j := judge(Params{}, 3, 1, 2); j.Token != 1 {
		t.Errorf("of several %d was judged", j.Token)
	}
	if j := judge(Params{}, 3, 0, 2); j.Token != 0 || j.Gap != 0 {
		t.Errorf("of several, the one that is drawn: %+v", j)
	}
	far := 0
	for seed := range uint64(200) {
		j := judge(Params{Temperature: 1, Seed: seed}, 3)
		if (j.Drawn == 3) != (j.Gap == 0) || j.Gap < 0 {
			t.Fatalf("%+v", j)
		}
		if j.Gap > 1 {
			far++
		}
	}
	if far < 150 {
		t.Errorf("an unlikely token is far from %d of 200 draws", far)
	}
	if _, err := New(Params{}, nil).Judge([]float32{nan}, 0); err == nil {
		t.Error("what is no number was judged")
	}
}
