package compare

import (
	"fmt"
	"math"
	"strconv"

	"infernet.tech/infernet/p2p/wire"
)

// What a profile holds beside its thresholds: how many of its N honest
// comparisons were called a mismatch, and the confidence of its FPRppm.
const (
	falseAlarms = "false_alarms"
	confidence  = "confidence"
)

// setting is a threshold by the name that a profile gives it, and the range
// within which it makes sense.
type setting struct {
	name     string
	to       *float64
	low, top float64
}

func (t *Numeric) settings() []setting {
	return []setting{
		{"abs", &t.Abs, 1e-300, 1e6}, {"rel", &t.Rel, 0, 1},
		{"abs_half", &t.AbsHalf, 1e-300, 1e6}, {"rel_half", &t.RelHalf, 0, 1},
		{"far", &t.Far, 8, 1 << 20}, {"share", &t.Share, 0, 0.5}, {"max_share", &t.MaxShare, 0, 1},
	}
}

func (t *Embedding) settings() []setting {
	return append(t.Numeric.settings(),
		setting{"row", &t.Row, 1e-12, 1}, setting{"mean", &t.Mean, 1e-12, 1},
		setting{"length", &t.Length, 1e-9, 1}, setting{"row_share", &t.MaxShare, 0, 1})
}

func (t *Image) settings() []setting {
	return []setting{
		{"ssim", &t.SSIM, 0, 1}, {"cell", &t.Cell, -1, 1}, {"far_cell", &t.FarCell, -1, 1}, {"hash", &t.Hash, 0, 64}, {"tone", &t.Tone, 0, 255},
	}
}

func (t *Thresholds) settings() []setting {
	return []setting{
		{"alpha", &t.Alpha, 1e-9, 0.1}, {"beta", &t.Beta, 1e-9, 0.5},
		{"margin", &t.Margin, 0, 100}, {"flip", &t.Flip, 1e-6, 0.5}, {"wrong", &t.Wrong, 1e-6, 0.9},
		{"noise", &t.Noise, 0, 1}, {"shift", &t.Shift, 1e-3, 2},
	}
}

func check(list []setting) error {
	for _, s := range list {
		if !(*s.to >= s.low && *s.to <= s.top) {
			return fmt.Errorf("%w: %s is %v, from %v to %v are possible", ErrProfile, s.name, *s.to, s.low, s.top)
		}
	}
	return nil
}

func (t Numeric) validate() error { return check(t.settings()) }

func (t Embedding) validate() error { return check(t.settings()) }

func (t Image) validate() error {
	if err := check(t.settings()); err != nil {
		return err
	}
	if t.FarCell > t.Cell {
		return fmt.Errorf("%w: far_cell is above cell", ErrProfile)
	}
	return nil
}

// Validate holds the settings to their ranges. Errors: ErrProfile.
func (t Thresholds) Validate() error {
	if err := check(t.settings()); err != nil {
		return err
	}
	if t.Wrong <= t.Flip || t.Shift <= t.Noise {
		return fmt.Errorf("%w: what is wrong is not above what is honest", ErrProfile)
	}
	return nil
}

// take reads the thresholds of a profile; one of a name that is not known is
// refused, for it would have meant something.
func take(list []setting, p *wire.Profile) error {
	if p == nil {
		return nil
	}
	known := map[string]setting{}
	for _, s := range list {
		known[s.name] = s
	}
	for name, text := range p.Thresholds {
		if name == falseAlarms || name == confidence {
			continue
		}
		s, ok := known[name]
		if !ok {
			return fmt.Errorf("%w: no threshold is called %.40q", ErrProfile, name)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) {
			return fmt.Errorf("%w: %s is %.40q", ErrProfile, name, text)
		}
		*s.to = v
	}
	return check(list)
}

// give writes settings as a profile has them.
func give(list []setting) map[string]string {
	out := map[string]string{}
	for _, s := range list {
		out[s.name] = strconv.FormatFloat(*s.to, 'g', -1, 64)
	}
	return out
}
