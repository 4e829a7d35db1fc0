package node

import (
	"errors"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
)

// A node without containers refuses a comparator that needs one before anything
// is spent, and says what to do.
func TestComparatorWithoutContainers(t *testing.T) {
	t.Parallel()
	n := &Node{}
	spec := job.Spec{Verify: job.Verify{Compare: job.CompareContainer, Image: "mine"}}
	err := n.fitting(t.Context(), spec, "")
	if !errors.Is(err, compare.ErrRunner) {
		t.Fatalf("%v", err)
	}
	var told *api.Error
	if !errors.As(submitError(err), &told) || told.Code != api.CodeInvalidSpec || told.Hint == "" {
		t.Errorf("%+v", submitError(err))
	}
}
