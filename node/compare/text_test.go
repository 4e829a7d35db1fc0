package compare_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"infernet.tech/infernet/node/compare"
)

// times is how often a statistic is tried; more of it with INFERNET_LONG.
func times(n int) int {
	if os.Getenv("INFERNET_LONG") != "" {
		return 10 * n
	}
	return n
}

// tally counts answers over many audits, and the tokens that the decided ones took.
type tally struct {
	of     map[compare.Answer]int
	tokens float64
}

func audits(r *rand.Rand, t compare.Thresholds, places []place, runs, tokens int, greedy bool) tally {
	out := tally{of: map[compare.Answer]int{}}
	for range runs {
		a, s := audit(r, t, places, tokens, greedy)
		out.of[a]++
		out.tokens += float64(s.Tokens) / float64(runs)
	}
	return out
}

// Honest answers on other hardware are blamed in none of 10,000 audits, and most
// are cleared.
func TestTextHonest(t *testing.T) {
	t.Parallel()
	for name, noise := range map[string]float64{"same": 0, "fp32": 0.005, "fp16": 0.03, "bf16": 0.08} {
		for _, greedy := range []bool{true, false} {
			r := rand.New(rand.NewPCG(1, 1))
			got := audits(r, compare.Thresholds{}, text(r, 600, served{noise: noise}), times(1250), 2000, greedy)
			t.Logf("%s greedy %v: %v, %.0f tokens each", name, greedy, got.of, got.tokens)
			if got.of[compare.Mismatch] > 0 || got.of[compare.Match] < times(1250)*95/100 {
				t.Errorf("%s, greedy %v: %v", name, greedy, got.of)
			}
		}
	}
}

// The rate of false alarms holds however long one goes on, at the worst that
// still counts as honest; alpha is large here, to see something.
func TestTextAlpha(t *testing.T) {
	t.Parallel()
	const runs, tokens = 1000, 1500
	for _, alpha := range []float64{0.1, 0.02} {
		set := compare.DefaultThresholds()
		set.Alpha = alpha
		coins, draws := 0, 0
		r := rand.New(rand.NewPCG(2, 2))
		// As much too warm as noise may make it: the drift is Noise of the varentropy.
		warm := text(r, 600, served{temperature: 1 / (1 - set.Noise)})
		for range runs {
			coin, draw := compare.NewText(set), compare.NewText(set)
			for range tokens {
				tok := compare.Token{Greedy: true}
				if r.Float64() < set.Flip {
					tok.Rank, tok.TopGap = 1, set.Margin+0.01
				}
				_ = coin.Add(tok)
				_ = draw.Add(warm[r.IntN(len(warm))].draw(r))
			}
			if a, _ := coin.Decide(); a == compare.Mismatch {
				coins++
			}
			if a, _ := draw.Decide(); a == compare.Mismatch {
				draws++
			}
		}
		t.Logf("alpha %v: measured %.4f greedy, %.4f drawn", alpha, float64(coins)/runs, float64(draws)/runs)
		if limit := alpha*runs + 3*math.Sqrt(alpha*runs); float64(coins) > limit || float64(draws) > limit {
			t.Errorf("alpha %v: %d and %d of %d", alpha, coins, draws, runs)
		}
		if coins == 0 && alpha == 0.1 {
			t.Error("a test that never errs at 10% is no test of alpha")
		}
	}
}

// Answers as wrong as the thresholds say are cleared in at most a share beta.
func TestTextBeta(t *testing.T) {
	t.Parallel()
	const runs, tokens = 1200, 2000
	set := compare.DefaultThresholds()
	set.Beta = 0.05
	r := rand.New(rand.NewPCG(3, 3))
	coins := 0
	for range runs {
		test := compare.NewText(set)
		for range tokens {
			tok := compare.Token{Greedy: true}
			if r.Float64() < set.Wrong {
				tok.Rank, tok.TopGap = 1, set.Margin+0.01
			}
			_ = test.Add(tok)
			if a, _ := test.Decide(); a != compare.Inconclusive {
				if a == compare.Match {
					coins++
				}
				break
			}
		}
	}
	warm := audits(r, set, text(r, 600, served{temperature: 1 / (1 - set.Shift)}), runs, tokens, false)
	cold := audits(r, set, text(r, 600, served{temperature: 1 / (1 + set.Shift)}), runs, tokens, false)
	t.Logf("beta %v: measured %.4f greedy, %.4f too warm, %.4f too cold", set.Beta, float64(coins)/runs,
		float64(warm.of[compare.Match])/runs, float64(cold.of[compare.Match])/runs)
	limit := set.Beta*runs + 3*math.Sqrt(set.Beta*runs)
	for _, n := range []int{coins, warm.of[compare.Match], cold.of[compare.Match]} {
		if float64(n) > limit {
			t.Errorf("%d of %d wrong answers are cleared", n, runs)
		}
	}
}

// What a cheat may serve instead is found, in the number of tokens that is said.
func TestTextCheats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		s      served
		greedy bool
		within int     // tokens
		share  float64 // found within them
	}{
		{"another prompt, drawn", served{noise: 20}, false, 60, 0.999},
		{"another prompt, greedy", served{noise: 20}, true, 60, 0.999},
		{"much smaller model, drawn", served{noise: 2}, false, 800, 0.99},
		{"much smaller model, greedy", served{noise: 2}, true, 100, 0.99},
		{"smaller model, greedy", served{noise: 1}, true, 200, 0.99},
		{"coarsely quantised, greedy", served{noise: 0.5}, true, 512, 0.99},
		{"warmer", served{temperature: 1.4}, false, 1500, 0.99},
		{"colder", served{temperature: 0.7}, false, 1500, 0.99},
		{"greedy where drawn was asked for", served{temperature: 0.05}, false, 300, 0.99},
		{"much smaller, its temperature hides it", served{noise: 2, temperature: 0.6}, false, 3000, 0.95},
		{"fewer tokens to draw from", served{keep: 3}, false, 2000, 0.9},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(4, 4))
			got := audits(r, compare.Thresholds{}, text(r, 600, c.s), times(300), c.within, c.greedy)
			t.Logf("%v in %.0f tokens each", got.of, got.tokens)
			if float64(got.of[compare.Mismatch]) < c.share*float64(times(300)) {
				t.Errorf("found in %v", got.of)
			}
		})
	}
}

// The mean number of tokens until a decision is that of Wald's formula.
func TestTextTokens(t *testing.T) {
	t.Parallel()
	set := compare.DefaultThresholds()
	for _, p := range []float64{0, set.Flip, set.Wrong, 0.12} {
		r := rand.New(rand.NewPCG(5, 5))
		total, runs := 0, times(2000)
		for range runs {
			test := compare.NewText(set)
			for {
				tok := compare.Token{Greedy: true}
				if r.Float64() < p {
					tok.Rank, tok.TopGap = 1, set.Margin+0.01
				}
				_ = test.Add(tok)
				if a, s := test.Decide(); a != compare.Inconclusive {
					total += s.Tokens
					break
				}
			}
		}
		got, want := float64(total)/float64(runs), set.Tokens(p)
		t.Logf("%.0f%% others: %.0f tokens, by the formula %.0f", 100*p, got, want)
		if math.Abs(got-want) > 0.2*want {
			t.Errorf("at %v: %.0f tokens, the formula says %.0f", p, got, want)
		}
	}
}

func TestTextLittle(t *testing.T) {
	t.Parallel()
	test := compare.NewText(compare.Thresholds{})
	if a, s := test.Decide(); a != compare.Inconclusive || s.Z != 0 || s.Drift != 0 {
		t.Errorf("without a token: %v %+v", a, s)
	}
	for range 20 {
		_ = test.Add(compare.Token{Logprob: -1, Entropy: 1, Varentropy: 1})
		_ = test.Add(compare.Token{Greedy: true})
	}
	if a, _ := test.Decide(); a != compare.Inconclusive {
		t.Errorf("20 tokens: %v", a)
	}
}

// Nothing that is said of a token breaks the sums.
func TestTextImpossible(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	test := compare.NewText(compare.Thresholds{})
	for _, tok := range []compare.Token{
		{Logprob: nan}, {Logprob: 1}, {Logprob: inf}, {Entropy: nan}, {Entropy: inf}, {Entropy: -1}, {Entropy: 1e6},
		{Varentropy: nan}, {Varentropy: -1}, {Varentropy: inf}, {Greedy: true, Rank: -1}, {Greedy: true, TopGap: nan},
		{Greedy: true, TopGap: -1},
	} {
		if err := test.Add(tok); !errors.Is(err, compare.ErrToken) {
			t.Errorf("%+v: %v", tok, err)
		}
	}
	for _, tok := range []compare.Token{
		{Logprob: math.Inf(-1), Entropy: 1, Varentropy: 1}, {Outside: true, Logprob: nan, Entropy: nan},
		{Greedy: true, Rank: 3, TopGap: inf, Logprob: nan}, {},
	} {
		if err := test.Add(tok); err != nil {
			t.Errorf("%+v: %v", tok, err)
		}
	}
	if _, s := test.Decide(); s.Tokens != 4 || math.IsNaN(s.Against) || math.IsNaN(s.For) || math.IsNaN(s.Z) || math.IsInf(s.Drift, 0) {
		t.Errorf("%+v", s)
	}
}
