package job

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

func TestOutboxJSON(t *testing.T) {
	t.Parallel()
	p := testKey(t, 1)
	amount := payments.Amount{Value: 7, Unit: payments.Credits}
	box := Outbox{
		Match{Round: 3, Exclude: []identity.PubKey{p}},
		Dispatch{Shard: 1, Attempt: 2, Provider: p, Quote: ID{1}, Class: "x", Amount: amount,
			Input: Input{CID: "c", Units: 3, Bytes: 4, Name: "n"}, Seed: 9, Timeout: time.Second, Deadline: epoch},
		RequestReveal{Shard: 1, Attempt: 2, Provider: p, Commits: []ID{{1}, {2}}},
		Fetch{Shard: 1, Attempt: 2, Provider: p, Root: "r", Size: 5},
		Compare{Shard: 1, Attempts: []uint32{0, 2}, Roots: []string{"a", "b"}, Comparator: CompareExact},
		Settle{Shard: 1, Attempt: 2, Provider: p, Verdict: VerdictOK, Label: LabelReplicated, Amount: amount,
			Reason: Reason{Code: "c"}, Evidence: []ID{{4}}},
		Abort{Shard: 1, Attempt: 2, Provider: p, Reason: Reason{Text: "t"}},
		Merge{By: MergeConcat, Roots: []string{"a"}},
		Finish{State: StateDone},
	}
	raw, err := json.Marshal(box)
	if err != nil {
		t.Fatal(err)
	}
	var back Outbox
	if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(back, box) {
		t.Fatalf("%v\n%+v\n%+v", err, back, box)
	}
	keys := map[string]bool{}
	for _, e := range box {
		if keys[e.Key()] {
			t.Errorf("%s names two effects", e.Key())
		}
		keys[e.Key()] = true
	}
	for _, bad := range []string{`[{"kind":"explode","effect":{}}]`, `[{"kind":"merge","effect":{"x":1}}]`, `{}`, `[{"kind":"merge"}]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// TestDrawFollowsWeights: the draw is the same every time, and fair.
func TestDrawFollowsWeights(t *testing.T) {
	t.Parallel()
	m := &machine{j: Job{Secret: ID{5}}}
	var count [3]int
	for i := range uint32(4000) {
		n := m.draw("provider", i, 0, []uint64{1, 0, 3})
		if n != m.draw("provider", i, 0, []uint64{1, 0, 3}) {
			t.Fatal("two draws differ")
		}
		count[n]++
	}
	if count[1] != 0 || count[0] < 850 || count[0] > 1150 {
		t.Fatalf("%v", count)
	}
}
