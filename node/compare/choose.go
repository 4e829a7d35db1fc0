package compare

import (
	"fmt"
	"math"
	"slices"
)

// Powers of two by which tolerances are tightened and widened. Beyond the widest
// they would let anything pass.
const (
	tightest = -10
	widest   = 7
)

// strict is the Far of tolerances that were measured.
const strict = 1 << farBins

// widen multiplies all tolerances.
func (t *Numeric) widen(by float64) {
	t.Abs, t.Rel, t.AbsHalf, t.RelHalf = t.Abs*by, t.Rel*by, t.AbsHalf*by, t.RelHalf*by
}

// chooseScale takes the tightest tolerances with which all samples match, and
// doubles them.
func chooseScale(learn []Sample, settings func(scale float64) map[string]string) (chosen, error) {
	for scale := tightest; scale < widest; scale++ {
		c := chosen{scale: scale}
		if slices.ContainsFunc(learn, func(s Sample) bool { return !s.done && s.judge(c) != Match }) {
			continue
		}
		c.scale++
		c.settings = settings(math.Ldexp(1, c.scale))
		return c, nil
	}
	return chosen{}, fmt.Errorf("%w: not all are within %v times the usual tolerance", ErrSpread, math.Ldexp(1, widest-1))
}

// chooseImage allows twice the worst unlikeness that was seen.
func chooseImage(learn []Sample) (chosen, error) {
	worst := likeness{ssim: 1, cell: 1}
	for _, s := range learn {
		if s.like != nil && !s.done {
			worst.take(*s.like)
		}
	}
	t := Image{
		SSIM: min(1-2*(1-worst.ssim), 0.9999), Cell: min(1-2*(1-worst.cell), 0.999),
		Hash: float64(min(worst.hash+4, 64)), Tone: min(2*worst.tone+4, 255),
	}
	t.FarCell = max(1-4*(1-t.Cell), -1)
	if t.SSIM < 0.5 || t.Cell < 0 {
		return chosen{}, fmt.Errorf("%w: similarity down to %.3f, %.3f in one part", ErrSpread, worst.ssim, worst.cell)
	}
	c := chosen{image: t}
	c.settings = give(c.image.settings())
	return c, nil
}

// leastTokens of a kind are needed to say what is usual of it.
const leastTokens = 2000

// chooseText finds what rounding does to tokens.
func chooseText(learn []Sample) (chosen, error) {
	t := DefaultThresholds()
	var gaps []float64
	greedy, outside, drawn := 0, 0, 0
	drift, variance := 0.0, 0.0
	for _, s := range learn {
		for _, tok := range s.tokens {
			switch {
			case tok.Greedy:
				greedy++
				if tok.Rank > 0 {
					gaps = append(gaps, tok.TopGap)
				}
			case tok.Outside:
				outside++
			default:
				drawn++
				drift -= tok.Logprob + tok.Entropy
				variance += tok.Varentropy
			}
		}
	}
	if greedy < leastTokens && drawn < leastTokens {
		return chosen{}, fmt.Errorf("%w: %d picked and %d drawn tokens, %d of one kind are needed", ErrTooFew, greedy, drawn, leastTokens)
	}
	share := UpperBound(outside, outside+drawn, 0.999)
	if greedy >= leastTokens {
		// Beyond the margin lies one flip in two hundred tokens.
		slices.Sort(gaps)
		rare := greedy / 200
		if len(gaps) > rare {
			t.Margin = max(t.Margin, 1.5*gaps[len(gaps)-1-rare])
		}
		beyond := 0
		for _, g := range gaps {
			if g > t.Margin {
				beyond++
			}
		}
		share = max(UpperBound(beyond, greedy, 0.999), sharesOf(share, drawn))
	}
	t.Flip = max(t.Flip, 2*sharesOf(share, max(greedy, drawn)))
	t.Wrong = max(t.Wrong, 3*t.Flip)
	if drawn >= leastTokens && variance > 0 {
		t.Noise = max(t.Noise, math.Abs(drift)/variance+3/math.Sqrt(variance))
		t.Shift = max(t.Shift, t.Noise+0.2)
	}
	if t.Flip > 0.1 || t.Noise > 0.3 || t.Margin > 5 {
		return chosen{}, fmt.Errorf("%w: margin %.2f, flips %.3f, noise %.3f", ErrSpread, t.Margin, t.Flip, t.Noise)
	}
	c := chosen{text: t}
	c.settings = give(c.text.settings())
	return c, nil
}

// sharesOf leaves a share out that too few tokens stand behind.
func sharesOf(share float64, tokens int) float64 {
	if tokens < leastTokens {
		return 0
	}
	return share
}
