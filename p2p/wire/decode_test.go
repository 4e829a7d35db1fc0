package wire

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	base := sealed(t, Progress{Job: testID(1), Shard: 7, Attempt: 1, State: StateRunning})
	if _, err := Decode[Progress](base); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Event)
		want   error
	}{
		{"other kind", func(e *Event) { e.Kind = KindCommit }, ErrKind},
		{"no version", func(e *Event) { dropTag(e, "v") }, ErrInvalid},
		{"version 2", func(e *Event) { setTag(e, "v", "2") }, ErrVersion},
		{"no job", func(e *Event) { dropTag(e, "job") }, ErrInvalid},
		{"no shard", func(e *Event) { dropTag(e, "shard") }, ErrInvalid},
		{"no nonce", func(e *Event) { dropTag(e, "n") }, ErrInvalid},
		{"short nonce", func(e *Event) { setTag(e, "n", "00") }, ErrInvalid},
		{"no expiration", func(e *Event) { dropTag(e, "expiration") }, ErrInvalid},
		{"expired when made", func(e *Event) { setTag(e, "expiration", "1") }, ErrInvalid},
		{"tag twice", func(e *Event) { e.Tags = append(e.Tags, []string{"shard", "7"}) }, ErrInvalid},
		{"no value", func(e *Event) { setTag(e, "shard") }, ErrInvalid},
		{"two values", func(e *Event) { setTag(e, "shard", "7", "8") }, ErrInvalid},
		{"number 07", func(e *Event) { setTag(e, "shard", "07") }, ErrInvalid},
		{"number +7", func(e *Event) { setTag(e, "shard", "+7") }, ErrInvalid},
		{"number -7", func(e *Event) { setTag(e, "shard", "-7") }, ErrInvalid},
		{"number 7.0", func(e *Event) { setTag(e, "shard", "7.0") }, ErrInvalid},
		{"number 2^32", func(e *Event) { setTag(e, "shard", "4294967296") }, ErrInvalid},
		{"shard too high", func(e *Event) { setTag(e, "shard", strconv.Itoa(maxShards)) }, ErrInvalid},
		{"unknown word", func(e *Event) { setTag(e, "state", "asleep") }, ErrInvalid},
		{"content", func(e *Event) { e.Content = "x" }, ErrInvalid},
		{"escape codes", func(e *Event) { setTag(e, "detail", "\u009b2J") }, ErrInvalid},
		{"unknown tag", func(e *Event) { setTag(e, "later", "x") }, nil},
	}
	for _, tt := range tests {
		e := resigned(t, base, tt.change)
		if err := e.Verify(); err != nil {
			t.Errorf("%s: the example is not signed: %v", tt.name, err)
		}
		if _, err := Decode[Progress](e); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestDecodeLists(t *testing.T) {
	t.Parallel()
	all := map[Kind]Event{}
	for _, s := range samples(t) {
		all[s.msg.Kind()] = sealed(t, s.msg)
	}
	offer := func(change func(*Event)) error {
		_, err := Decode[ProviderOffer](resigned(t, all[KindProviderOffer], change))
		return err
	}
	accept := func(change func(*Event)) error {
		_, err := Decode[Accept](resigned(t, all[KindAccept], change))
		return err
	}
	for name, err := range map[string]error{
		"short gpu row": offer(func(e *Event) { setTag(e, "gpu", "x", "1") }),
		"bad gpu size":  offer(func(e *Event) { setTag(e, "gpu", "x", "1e9", "") }),
		"bad rate":      offer(func(e *Event) { setTag(e, "rate", "credits", "", "1") }),
		"odd env":       accept(func(e *Event) { setTag(e, "env", "A", "1", "B") }),
		"env twice":     accept(func(e *Event) { setTag(e, "env", "A", "1", "A", "2") }),
		"npub in a tag": accept(func(e *Event) { setTag(e, "sources", e.PubKey.String()) }),
		"off the curve": accept(func(e *Event) { setTag(e, "sources", ID{31: 5}.String()) }),
		"source twice":  accept(func(e *Event) { setTag(e, "sources", e.PubKey.Hex(), e.PubKey.Hex()) }),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	k := testKey(t, 1)
	q := *samples(t)[1].msg.(*Quote)
	if _, err := Seal(k, q, time.Unix(q.Expires+1, 0)); !errors.Is(err, ErrInvalid) {
		t.Errorf("expired quote: %v", err)
	}
	q.Unit = ""
	if _, err := Seal(k, q, epoch); !errors.Is(err, ErrInvalid) {
		t.Errorf("quote without unit: %v", err)
	}
	a := *samples(t)[2].msg.(*Accept)
	a.Args = nil
	for range MaxArgs {
		a.Args = append(a.Args, long(MaxArgBytes))
	}
	if _, err := Seal(k, a, epoch); !errors.Is(err, ErrTooBig) {
		t.Errorf("accept of more than %d bytes: %v", MaxEvent, err)
	}
	// An argument at the limit, all of it escaped, must still be readable.
	a.Args = []string{strings.Repeat("\n", MaxArgBytes)}
	e, err := Seal(k, a, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(e.Bytes()); err != nil {
		t.Error(err)
	}
}
