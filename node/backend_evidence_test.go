package node

import (
	"encoding/json"
	"strings"
	"testing"

	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/job"
)

// What came of a dispute is told, and how many are blamed.
func TestEvidenceSummary(t *testing.T) {
	t.Parallel()
	d := aggregator.Dispute{Comparator: "exact", Result: "b"}
	d.Attempts = []aggregator.Disputed{{Root: "a", Blame: job.BlameProvider}, {Root: "b"}, {Root: "b"}}
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := showEvidence("cid", raw)
	if want := "3 results were compared by exact; one is what stands, and 1 of those who computed are blamed"; err != nil || !strings.Contains(got.Summary, want) {
		t.Errorf("%q, %v", got.Summary, err)
	}
}
