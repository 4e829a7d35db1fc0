package node_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/reputation"
)

// wholeReceipts waits until a node gives receipts of the job that show, to
// somebody without a node, all that there is to show: both signatures, the
// commit, the reveal, the lottery, and the payment in both sides' books.
func wholeReceipts(t *testing.T, id string, m *nodetest.Member) {
	t.Helper()
	nodetest.Predicate(t, time.Minute, m.Name+" has receipts with all that proves them", func() bool {
		receipts, err := m.API().Bundles(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		paid := 0
		for _, r := range receipts {
			c, err := reputation.VerifyBundle(r.Doc)
			if err != nil || len(c.Faults) > 0 {
				t.Fatalf("%s: receipt %s: %v %q", m.Name, r.ID, err, c.Faults)
			}
			if r.Amount.Amount == 0 {
				continue
			}
			if paid++; c.Draw == nil || !c.Countersigned || !certain(c, "opens to the result") || !certain(c, "both hold that it is owed") {
				return false
			}
		}
		return paid > 0
	})
	if none, err := m.API().Bundles(t.Context(), strings.Repeat("00", 32)); err == nil {
		t.Errorf("receipts of no job: %+v", none)
	}
}

func certain(c reputation.Checked, of string) bool {
	return slices.ContainsFunc(c.Certain, func(s string) bool { return strings.Contains(s, of) })
}
