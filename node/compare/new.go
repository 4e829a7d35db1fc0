package compare

import (
	"fmt"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

// New makes the comparator that a job asks for, with the thresholds of a profile,
// or the defaults where it is nil. Errors: ErrUnknown; ErrProfile; ErrReplay for
// text, whose thresholds TextThresholds reads; ErrRunner for a comparator in a
// container, which package container makes.
func New(v job.Verify, profile *wire.Profile) (Comparator, error) {
	if profile != nil && profile.Comparator != v.Compare {
		return nil, fmt.Errorf("%w: it is for %.40q, not for %.40q", ErrProfile, profile.Comparator, v.Compare)
	}
	switch v.Compare {
	case job.CompareExact, "":
		return exact{}, take(nil, profile)
	case job.CompareNumeric:
		t := DefaultNumeric()
		if err := take(t.settings(), profile); err != nil {
			return nil, err
		}
		return NewNumeric(t)
	case job.CompareEmbedding:
		t := DefaultEmbedding()
		if err := take(t.settings(), profile); err != nil {
			return nil, err
		}
		return NewEmbedding(t)
	case job.CompareImage:
		t := DefaultImage()
		if err := take(t.settings(), profile); err != nil {
			return nil, err
		}
		return NewImage(t)
	case job.CompareText:
		return nil, ErrReplay
	case job.CompareContainer:
		return nil, ErrRunner
	}
	return nil, fmt.Errorf("%w: %.40q", ErrUnknown, v.Compare)
}

// TextThresholds are those of a profile for text, or the defaults where it is
// nil. Errors: ErrProfile.
func TextThresholds(profile *wire.Profile) (Thresholds, error) {
	t := DefaultThresholds()
	if profile != nil && profile.Comparator != job.CompareText {
		return t, fmt.Errorf("%w: it is for %.40q, not for text", ErrProfile, profile.Comparator)
	}
	if err := take(t.settings(), profile); err != nil {
		return t, err
	}
	return t, t.Validate()
}
