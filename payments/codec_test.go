package payments

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

func sampleEntry(t testing.TB) Entry {
	t.Helper()
	k, err := identity.FromSecret([32]byte{31: 7})
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_790_000_000_123).UTC()
	e := Entry{
		Rail: "credit", Direction: Out, Ref: "j/0/0", Peer: k.PubKey(), Amount: Amount{Value: MaxValue, Unit: MicroUSDC},
		Memo: "été", Secured: "hold/j/0/0", Tries: 2, Created: at, Doc: []byte(`{"a":1}`), Answer: []byte{0, 255},
	}
	for i, s := range []State{StateQuoted, StateHeld, StateUnknown, StateReleased, StateHeld, StateCaptured} {
		e.Steps = append(e.Steps, Step{State: s, At: at.Add(time.Duration(i) * time.Hour), Times: uint32(i + 1), Reason: string(s)})
	}
	last := e.Steps[5]
	e.State, e.Updated, e.Reason = last.State, last.At, last.Reason
	return e
}

func TestEntryCodec(t *testing.T) {
	t.Parallel()
	e := sampleEntry(t)
	raw := e.encode()
	got := Entry{Rail: e.Rail, Direction: e.Direction, Ref: e.Ref}
	if err := got.decode(raw); err != nil || !reflect.DeepEqual(got, e) {
		t.Fatalf("%v\n%+v\n%+v", err, got, e)
	}
	for i := range len(raw) - len(e.Answer) {
		short := Entry{}
		if err := short.decode(raw[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	old, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	got = Entry{}
	if err := got.decode(old); err != nil || !reflect.DeepEqual(got, e) {
		t.Fatalf("from JSON: %v\n%+v\n%+v", err, got, e)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var steps []Step
	for i := range 500 {
		steps = stepped(steps, Step{State: []State{StateHeld, StateReleased}[i%2], Times: 1, At: time.UnixMilli(int64(i))})
	}
	if len(steps) != maxSteps || steps[0].At.UnixMilli() != 0 || steps[maxSteps-1].At.UnixMilli() != 499 {
		t.Fatalf("%d steps from %v to %v", len(steps), steps[0], steps[len(steps)-1])
	}
	steps = stepped(nil, Step{State: StateUnknown, Times: 1})
	for range 9 {
		steps = stepped(steps, Step{State: StateUnknown, Times: 1, Reason: "again"})
	}
	if len(steps) != 1 || steps[0].Times != 10 || steps[0].Reason != "again" {
		t.Fatalf("%+v", steps)
	}
}

// FuzzEntry wants an error or an entry that is written back as it was.
func FuzzEntry(f *testing.F) {
	e := sampleEntry(f)
	f.Add(e.encode())
	f.Add([]byte(`{"state":"held"}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e Entry
		if err := e.decode(raw); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if e.State.Validate() != nil || len(e.Steps) == 0 {
			t.Fatalf("%+v", e)
		}
		if raw[0] == '{' {
			return
		}
		again := Entry{}
		if err := again.decode(e.encode()); err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%v\n%+v\n%+v", err, again, e)
		}
	})
}
