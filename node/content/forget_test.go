package content

import (
	"testing"
	"time"
)

// What was shared and is gone is forgotten in the end; what is here, or may
// still come, is not.
func TestSharedAndGone(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	here := addShared(t, l, "here")
	if err := l.Share(cidOf(1)); err != nil {
		t.Fatal(err)
	}
	for _, late := range []bool{false, true} {
		after := sharedFor - time.Hour
		if late {
			after = sharedFor + time.Hour
		}
		if err := l.forgetGone(time.Now().Add(after)); err != nil || l.Shared(cidOf(1)) == late || !l.Shared(here.CID) {
			t.Errorf("late %v: %v, gone %v, here %v", late, err, l.Shared(cidOf(1)), l.Shared(here.CID))
		}
	}
}
