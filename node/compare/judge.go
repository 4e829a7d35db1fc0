package compare

import (
	"context"
	"fmt"
	"io/fs"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

// Judge sorts the results of a shard as its job says. It is what the job driver
// asks.
type Judge struct {
	// Profile fetches the document of a profile by its CID; nil where none can be
	// had. A job that names a profile trusts it: the name holds its author too.
	Profile func(ctx context.Context, cid string) ([]byte, error)
	// Own makes the comparator of an image; nil where nothing can be run.
	Own func(ctx context.Context, image string) (Comparator, error)
}

// Compare is Groups with the comparator that a job asks for. Errors: those of
// New, Load and Groups, and of fetching.
func (j Judge) Compare(ctx context.Context, spec job.Verify, results []fs.FS) (groups [][]int, unsure []int, why string, err error) {
	c, err := j.comparator(ctx, spec)
	if err != nil {
		return nil, nil, "", err
	}
	return Groups(ctx, c, results)
}

func (j Judge) comparator(ctx context.Context, spec job.Verify) (Comparator, error) {
	if spec.Compare == job.CompareContainer {
		if j.Own == nil {
			return nil, ErrRunner
		}
		return j.Own(ctx, spec.Image)
	}
	profile, err := j.profile(ctx, spec.Profile)
	if err != nil {
		return nil, err
	}
	return New(spec, profile)
}

// Thresholds are those for text that a job asks for. Errors: as Compare.
func (j Judge) Thresholds(ctx context.Context, spec job.Verify) (Thresholds, error) {
	profile, err := j.profile(ctx, spec.Profile)
	if err != nil {
		return Thresholds{}, err
	}
	return TextThresholds(profile)
}

// profile is nil where the job names none.
func (j Judge) profile(ctx context.Context, cid string) (*wire.Profile, error) {
	if cid == "" {
		return nil, nil
	}
	if j.Profile == nil {
		return nil, fmt.Errorf("%w: %.80q cannot be fetched here", ErrProfile, cid)
	}
	raw, err := j.Profile(ctx, cid)
	if err != nil {
		return nil, fmt.Errorf("compare: profile %.80q: %w", cid, err)
	}
	s, err := Load(raw, cid)
	return &s.Profile, err
}
