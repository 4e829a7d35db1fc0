package job

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// checkStep holds one step to what must always be true, and returns a copy of
// what came of it.
func checkStep(t tb, before, after Job, ev Event, effects []Effect) Job {
	t.Helper()
	got := jsonCopy(t, after)
	if !reflect.DeepEqual(got, bare(after)) {
		t.Fatalf("after %s the job is not the same when read back from JSON:\n%+v\n%+v", ev.name(), got, after)
	}
	checkMoney(t, after)
	checkShards(t, after)
	checkLottery(t, after)
	checkIndex(t, after)
	checkEffects(t, before, after, ev, effects)
	table := docTable(t)
	for _, l := range after.Log {
		kind, _, _ := strings.Cut(l.Subject, " ")
		if l.From != "" && l.From != l.To && !slices.Contains(table[kind+" "+l.From], l.To) {
			t.Fatalf("the table does not have %s: %s -> %s (%s)", l.Subject, l.From, l.To, l.Why)
		}
	}
	if again, effects2, err := Step(before, ev); err != nil || !reflect.DeepEqual(bare(again), bare(after)) || !reflect.DeepEqual(effects2, effects) {
		t.Fatalf("%s does not always do the same", ev.name())
	}
	checkTwice(t, after, ev)
	return got
}

// checkTwice applies what completes an effect again: it must start nothing.
func checkTwice(t tb, j Job, ev Event) {
	t.Helper()
	switch ev.(type) {
	case Tick, Matched, CancelRequested, AttemptFailed, SettleFailed, Resumed:
		return
	}
	next, effects, err := Step(j, ev)
	next.Reason = j.Reason // why it waits may read differently a look later
	if err == nil && (len(effects) > 0 || !reflect.DeepEqual(bare(next), bare(j))) {
		t.Fatalf("%s applied twice does more: %v\n%s\n%s", ev.name(), effects, asJSON(t, j), asJSON(t, next))
	}
}

func checkMoney(t tb, j Job) {
	t.Helper()
	var reserved, spent uint64
	for _, sh := range j.Shards {
		paid := map[string]bool{}
		for _, a := range sh.Attempts {
			if a.holds() {
				reserved += a.Amount.Value
			}
			if a.Paid {
				spent += a.Amount.Value
			}
			if a.State == AttemptOK || a.State == AttemptSettled {
				if paid[a.operator()] {
					t.Fatalf("shard %d pays %s twice", sh.Index, a.operator())
				}
				paid[a.operator()] = true
			}
		}
	}
	if j.Reserved.Value != reserved || j.Spent.Value != spent {
		t.Fatalf("reserved %s, spent %s; the attempts say %d and %d", j.Reserved, j.Spent, reserved, spent)
	}
	if spent+reserved > j.Budget.Value {
		t.Fatalf("%d promised of %s", spent+reserved, j.Budget)
	}
}

func checkShards(t tb, j Job) {
	t.Helper()
	for _, sh := range j.Shards {
		operators, classes := map[string]bool{}, map[string]bool{}
		live := 0
		for i, a := range sh.Attempts {
			if int(a.N) != i {
				t.Fatalf("attempt %d of shard %d calls itself %d", i, sh.Index, a.N)
			}
			if a.Copy && a.Flat {
				t.Fatalf("attempt %d/%d is a validator's, for a bet", sh.Index, a.N)
			}
			if !a.State.Live() {
				continue
			}
			live++
			if operators[a.operator()] {
				t.Fatalf("two attempts of shard %d are by %s", sh.Index, a.operator())
			}
			operators[a.operator()], classes[a.Class] = true, true
		}
		if len(classes) > 1 {
			t.Fatalf("shard %d compares classes", sh.Index)
		}
		if sh.decided() && live > 0 {
			t.Fatalf("shard %d is %s and has %d live attempts", sh.Index, sh.State, live)
		}
		if sh.State == ShardRejected && sh.Reason.Code == "" {
			t.Fatalf("shard %d is rejected without a reason", sh.Index)
		}
	}
	if j.State.Terminal() && j.State != StateDone && j.Reason.Code == "" {
		t.Fatalf("the job is %s without a reason", j.State)
	}
}

func checkEffects(t tb, before, after Job, ev Event, effects []Effect) {
	t.Helper()
	keys := map[string]bool{}
	for _, e := range after.Outbox {
		if keys[e.Key()] {
			t.Fatalf("%s is twice in the outbox", e.Key())
		}
		keys[e.Key()] = true
		if after.State.Terminal() {
			switch e := e.(type) {
			case Abort, Finish:
			case Settle:
				if e.Verdict == VerdictOK {
					t.Fatalf("a terminal job has %s to pay", e.Key())
				}
			default:
				t.Fatalf("a terminal job has %s to do", e.Key())
			}
		}
	}
	for _, e := range effects {
		if !keys[e.Key()] {
			t.Fatalf("%s is not in the outbox", e.Key())
		}
		switch e := e.(type) {
		case RequestReveal:
			checkReveal(t, after, e)
		case Settle:
			checkSettle(t, before, after, ev, e)
		case Dispatch:
			if e.Input.Known != nil {
				t.Fatalf("%s tells that the answer is known", e.Key())
			}
		}
	}
	if before.State.Terminal() && len(effects) > 0 && before.State != StateNone {
		t.Fatalf("a terminal job does %v", effects)
	}
}

// docTable reads the tables of transitions in the package comment.
var docTable = func() func(tb) map[string][]string {
	read := sync.OnceValue(readDocTable)
	return func(t tb) map[string][]string {
		table := read()
		if len(table) < 20 {
			t.Fatalf("the tables of doc.go have only %d lines", len(table))
		}
		return table
	}
}()

func readDocTable() map[string][]string {
	src, err := os.ReadFile("doc.go")
	if err != nil {
		return nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", src, parser.ParseComments)
	if err != nil {
		return nil
	}
	table := map[string][]string{}
	kinds, at, inside := []string{"job", "shard", "attempt"}, -1, false
	for _, line := range strings.Split(f.Doc.Text(), "\n") {
		from, to, ok := strings.Cut(strings.TrimSpace(line), "->")
		if !ok {
			inside = false
			continue
		}
		if !inside {
			at, inside = at+1, true
		}
		if at < len(kinds) {
			key := kinds[at] + " " + strings.TrimSpace(from)
			table[key] = append(table[key], strings.Fields(to)...)
		}
	}
	return table
}

func TestEveryStateIsInTheTable(t *testing.T) {
	t.Parallel()
	table := docTable(t)
	for key, tos := range table {
		kind, _, _ := strings.Cut(key, " ")
		for _, to := range tos {
			_, on := table[kind+" "+to]
			final := State(to).Terminal() || ShardState(to).Final() || to == "cancelled" || to == "settled" || to == "bad" || to == "failed"
			if !on && !final {
				t.Errorf("%s %s leads nowhere", kind, to)
			}
		}
	}
}

// checkReveal: of a quorum nobody is asked for a reveal before the whole round has
// committed, elsewhere everybody at once, and nobody sees whom else it is compared
// with.
func checkReveal(t tb, j Job, e RequestReveal) {
	t.Helper()
	sh := j.Shards[e.Shard]
	a := &sh.Attempts[e.Attempt]
	if !slices.Contains(e.Commits, a.Commit.Event) {
		t.Fatalf("%s does not name its own commit", e.Key())
	}
	if j.Spec.Verify.Mode != VerifyQuorum || a.Flat {
		if len(e.Commits) != 1 {
			t.Fatalf("%s names %d commits", e.Key(), len(e.Commits))
		}
		return
	}
	in := 0
	for k := range sh.Attempts {
		if b := &sh.Attempts[k]; b.Vote || b.State.In() && !b.Doubt {
			in++
		}
	}
	if in < min(int(j.Spec.Verify.Replicas), int(sh.Wanted)) {
		t.Fatalf("%s with %d commits in, %d wanted", e.Key(), in, sh.Wanted)
	}
}

func asJSON(t tb, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
