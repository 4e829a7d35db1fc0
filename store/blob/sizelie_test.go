package blob

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A source that says that a block is longer than it is may not end the fetch,
// nor make the content larger than it is.
func TestLieAboutTheSize(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	small := mustAdd(t, from, strings.NewReader("ten bytes."))
	liar := saying("liar", whole([]byte{statusOK}, bytes.Repeat([]byte("x"), 1<<20))...)
	var told failures
	if _, err := to.Fetch(t.Context(), small.CID, Limits{Bytes: 10, OnFailure: told.note}, liar, serving(t, from)); err != nil {
		t.Errorf("with an honest source beside: %v", err)
	}
	if err := told.all["liar"]; !errors.Is(err, ErrBadBlock) {
		t.Errorf("the liar: %v", err)
	}
	// What is too large in truth is refused.
	large := mustAdd(t, from, strings.NewReader("eleven bytes"))
	if _, err := to.Fetch(t.Context(), large.CID, Limits{Bytes: 10}, serving(t, from)); !errors.Is(err, ErrTooBig) || errors.Is(err, ErrNoSource) {
		t.Errorf("too large: %v", err)
	}
	clean(t, to)
}
