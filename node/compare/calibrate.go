package compare

import (
	"fmt"
	"strconv"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

const usualConfidence = 0.95

// Target is what a profile is made for. FPRppm is the rate of honest comparisons
// called a mismatch, in parts per million, that it may have at most, shown at
// Confidence; 0 is 0.95.
type Target struct {
	Model      string // CID; "" any
	Image      string // digest; "" any
	Class      string // hardware class; "" any
	Comparator string
	FPRppm     uint32
	Confidence float64
}

// Calibrate chooses thresholds on every second sample and measures them on the
// others, which had no part in the choice: the rate of false alarms is that of
// comparisons to come, if those are like the samples. The samples are to be
// independent of each other: different inputs, and machines of as many kinds as
// the class has. Errors: ErrTooFew, with how many are needed; ErrSpread; ErrUnknown;
// ErrProfile for samples of another comparator.
func Calibrate(t Target, samples []Sample) (wire.Profile, error) {
	if t.Confidence == 0 {
		t.Confidence = usualConfidence
	}
	if t.FPRppm == 0 || t.FPRppm >= 1_000_000 || t.Confidence < 0.5 || t.Confidence >= 1 {
		return wire.Profile{}, fmt.Errorf("%w: a share of %v called wrong cannot be shown at confidence %v", ErrProfile, float64(t.FPRppm)/1e6, t.Confidence)
	}
	if need := 2 * Enough(t.FPRppm, t.Confidence); len(samples) < need {
		return wire.Profile{}, fmt.Errorf("%w: %d samples, %d are needed to show that at most %v%% are called wrong", ErrTooFew, len(samples), need, float64(t.FPRppm)/1e4)
	}
	var learn, test []Sample
	for i, s := range samples {
		if s.comparator != t.Comparator {
			return wire.Profile{}, fmt.Errorf("%w: sample %d is of %.40q", ErrProfile, i, s.comparator)
		}
		if i%2 == 0 {
			learn = append(learn, s)
		} else {
			test = append(test, s)
		}
	}
	c, err := choose(t, learn)
	if err != nil {
		return wire.Profile{}, err
	}
	return t.measured(c, test)
}

// measured makes the profile of thresholds that were chosen.
func (t Target) measured(c chosen, test []Sample) (wire.Profile, error) {
	wrong := 0
	for _, s := range test {
		if s.judge(c) == Mismatch {
			wrong++
		}
	}
	bound := ppm(UpperBound(wrong, len(test), t.Confidence))
	if bound > t.FPRppm {
		return wire.Profile{}, fmt.Errorf("%w: %d of %d honest ones were called wrong, which is up to %v%%", ErrSpread, wrong, len(test), float64(bound)/1e4)
	}
	p := wire.Profile{
		Model: t.Model, Image: t.Image, Class: t.Class, Comparator: t.Comparator,
		N: uint32(len(test)), FPRppm: bound, Thresholds: c.settings,
	}
	p.Thresholds[falseAlarms] = strconv.Itoa(wrong)
	p.Thresholds[confidence] = strconv.FormatFloat(t.Confidence, 'g', -1, 64)
	if err := p.Validate(); err != nil {
		return wire.Profile{}, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return p, Verify(p)
}

func choose(t Target, learn []Sample) (chosen, error) {
	switch t.Comparator {
	case job.CompareExact:
		return chosen{settings: map[string]string{}}, nil
	case job.CompareNumeric:
		return chooseScale(learn, func(scale float64) map[string]string {
			n := DefaultNumeric()
			n.widen(scale)
			n.Far = strict
			return give(n.settings())
		})
	case job.CompareEmbedding:
		return chooseScale(learn, func(scale float64) map[string]string {
			e := DefaultEmbedding()
			e.Row, e.Mean = e.Row*scale, e.Mean*scale
			return give(e.settings())
		})
	case job.CompareImage:
		return chooseImage(learn)
	case job.CompareText:
		return chooseText(learn)
	}
	return chosen{}, fmt.Errorf("%w: %.40q", ErrUnknown, t.Comparator)
}
