package payments_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

var states = []payments.State{
	payments.StateQuoted, payments.StateHeld, payments.StateCaptured, payments.StateReleased, payments.StateUnknown,
}

// The table in the package comment is the truth about steps.
func TestStatesAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[payments.State]string{}
	for line := range strings.Lines(string(doc)) {
		rest, ok := strings.CutPrefix(line, "//\t")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 || fields[0] == "from" {
			continue
		}
		from := payments.State(strings.Trim(fields[0], "()"))
		if from == "none" {
			from = ""
		}
		var to []string
		for _, f := range fields[1:] {
			if payments.State(f).Validate() != nil {
				break
			}
			to = append(to, f)
		}
		documented[from] = strings.Join(to, " ")
	}
	for _, from := range append([]payments.State{""}, states...) {
		var to []string
		for _, s := range states {
			switch err := from.Step(s); {
			case err == nil:
				to = append(to, string(s))
			case !errors.Is(err, payments.ErrTransition):
				t.Fatalf("%s to %s: %v", from, s, err)
			}
		}
		if got := strings.Join(to, " "); got != documented[from] {
			t.Errorf("from %q: %q, documented %q", from, got, documented[from])
		}
		if from != "" && from.Terminal() != (len(to) == 0) {
			t.Errorf("%s: terminal %t with steps to %v", from, from.Terminal(), to)
		}
	}
	if payments.State("lost").Validate() == nil || payments.State("").Step("lost") == nil {
		t.Error("an unknown state is valid")
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]payments.Outcome{
		nil:                    payments.Charged,
		errors.New("whatever"): payments.OutcomeUnknown,
		payments.Fail("r", payments.NotCharged, payments.ErrBusy): payments.NotCharged,
	} {
		if got := payments.OutcomeOf(err); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	text := payments.Fail("j/0/0", payments.OutcomeUnknown, payments.ErrUnknown).Error()
	if !strings.Contains(text, "do not pay") {
		t.Error(text)
	}
}

func peer(t testing.TB) identity.PubKey {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k.PubKey()
}

// A random walk over entries: the journal takes exactly the steps that the
// states allow, and its lists are what a plain model says.
func TestJournalWalk(t *testing.T) {
	t.Parallel()
	who := peer(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := store.NewMem()
		at := time.Unix(1_800_000_000, 0) // the real clock may be set back meanwhile
		j := payments.NewJournal("test", s, func() time.Time { at = at.Add(time.Millisecond); return at })
		model := map[payments.Ref]payments.State{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			ref := payments.Ref(rapid.SampledFrom([]string{"a/0/0", "a/0/1", "b/0/0"}).Draw(rt, "ref"))
			to := rapid.SampledFrom(states).Draw(rt, "to")
			err := s.Update(func(tx store.Txn) error {
				_, err := j.Put(tx, payments.Entry{Direction: payments.Out, Ref: ref, Peer: who, Amount: credits(3), State: to})
				return err
			})
			if want := model[ref].Step(to); (err == nil) != (want == nil) {
				rt.Fatalf("%s from %q to %s: %v, want %v", ref, model[ref], to, err, want)
			}
			if err == nil {
				model[ref] = to
			}
		}
		for _, open := range []bool{false, true} {
			want := 0
			for _, st := range model {
				if !open || st.Open() {
					want++
				}
			}
			list, err := j.List(payments.Filter{Open: open})
			if err != nil || len(list) != want {
				rt.Fatalf("open %t: %d entries, want %d, %v", open, len(list), want, err)
			}
			for _, e := range list {
				if e.State != model[e.Ref] || e.Rail != "test" || e.Created.After(e.Updated) {
					rt.Fatalf("%+v, want %s", e, model[e.Ref])
				}
			}
		}
	})
}

func TestJournalFilters(t *testing.T) {
	t.Parallel()
	s := store.NewMem()
	j := payments.NewJournal("test", s, time.Now)
	a, b := peer(t), peer(t)
	put := func(d payments.Direction, ref payments.Ref, p identity.PubKey, st payments.State) error {
		return s.Update(func(tx store.Txn) error {
			_, err := j.Put(tx, payments.Entry{Direction: d, Ref: ref, Peer: p, Amount: credits(3), State: st})
			return err
		})
	}
	if err := errors.Join(
		put(payments.Out, "j/0/0", a, payments.StateHeld), put(payments.Out, "j/1/0", b, payments.StateCaptured),
		put(payments.In, "j/0/0", b, payments.StateQuoted), put(payments.In, "k/0/0", a, payments.StateQuoted),
	); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f    payments.Filter
		want int
	}{
		{payments.Filter{}, 4},
		{payments.Filter{Direction: payments.In}, 2},
		{payments.Filter{Peer: a}, 2},
		{payments.Filter{State: payments.StateQuoted}, 2},
		{payments.Filter{Open: true}, 3},
		{payments.Filter{Open: true, Prefix: "j/"}, 2},
		{payments.Filter{Prefix: "j/"}, 3},
		{payments.Filter{Limit: 3}, 3},
		{payments.Filter{Direction: payments.Out, Peer: a, State: payments.StateCaptured}, 0},
	} {
		if list, err := j.List(c.f); err != nil || len(list) != c.want {
			t.Errorf("%+v: %d entries, want %d, %v", c.f, len(list), c.want, err)
		}
	}
	if err := put(payments.Out, "j/0/0", b, payments.StateUnknown); !errors.Is(err, payments.ErrConflict) {
		t.Errorf("another peer under a live ref: %v", err)
	}
	if e, err := j.Status(a, "j/0/0"); err != nil || e.Direction != payments.Out {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := j.Status(a, "none"); !errors.Is(err, payments.ErrNoEntry) {
		t.Error(err)
	}
}
