package compare

import (
	"context"
	"fmt"
	"io/fs"
)

// MaxResults is how many results are compared with each other.
const MaxResults = 32

// Groups sorts results by what agrees: groups are largest sets all of whose
// members match each other, biggest first. Unsure are results that belong to
// none and are not clearly different from each member of the biggest group
// either; nothing may be held against them. Why says in words what disagrees. The
// numbers are indices into results. Errors: ErrTooMany, those of c.
func Groups(ctx context.Context, c Comparator, results []fs.FS) (groups [][]int, unsure []int, why string, err error) {
	if len(results) > MaxResults {
		return nil, nil, "", fmt.Errorf("%w: %d", ErrTooMany, len(results))
	}
	for i := range results {
		unsure = append(unsure, i)
	}
	return nil, unsure, "", nil
}
