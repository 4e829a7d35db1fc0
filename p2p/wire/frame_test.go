package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/p2p/identity"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	var want []Event
	for _, s := range samples(t) {
		e := sealed(t, s.msg)
		want = append(want, e)
		if err := WriteEvent(&buf, e); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(&buf)
	for _, e := range want {
		got, err := ReadEvent(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), e.Bytes()) {
			t.Errorf("%s came back as another", e.Kind)
		}
	}
	if _, err := ReadEvent(r); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestTruncatedFrame cuts a frame at every byte: only the cut before the first
// is the end of the stream.
func TestTruncatedFrame(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	if err := WriteEvent(&buf, sealed(t, Countersign{Of: testID(1), Role: RoleClient})); err != nil {
		t.Fatal(err)
	}
	frame := buf.Bytes()
	for n := range frame {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := ReadEvent(bytes.NewReader(frame[:n])); err != want {
			t.Errorf("cut at %d: got %v, want %v", n, err, want)
		}
	}
}

func TestHostileLengths(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"zero", []byte{0}, ErrFrame},
		{"not minimal", []byte{0x81, 0x00}, ErrFrame},
		{"not minimal by two", []byte{0x81, 0x80, 0x00}, ErrFrame},
		{"one over", binary.AppendUvarint(nil, MaxEvent+1), ErrTooBig},
		{"2^21", binary.AppendUvarint(nil, 1<<21), ErrTooBig},
		{"2^63", binary.AppendUvarint(nil, 1<<63), ErrTooBig},
		{"2^64-1", binary.AppendUvarint(nil, 1<<64-1), ErrTooBig},
		{"endless", bytes.Repeat([]byte{0xff}, 1000), ErrTooBig},
		{"length alone", binary.AppendUvarint(nil, MaxEvent), io.ErrUnexpectedEOF},
		{"not an event", []byte("\x02{}"), ErrSyntax},
	}
	for _, tt := range tests {
		if _, err := ReadEvent(bytes.NewReader(tt.in)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestHostileMemory reads what claims much and holds little, and bounds what it
// makes us allocate.
func TestHostileMemory(t *testing.T) {
	const rounds = 100
	values := `["` + strings.Repeat(`","`, MaxEvent/4) + `"]`
	tags := strings.Repeat(`[],`, MaxEvent/4)
	for name, in := range map[string]string{
		"length 2^63": string(binary.AppendUvarint(nil, 1<<63)),
		"many values": `{"tags":[` + values,
		"many tags":   `{"tags":[` + tags,
	} {
		raw := []byte(in)[:min(len(in), MaxEvent)]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			if _, err := Parse(raw); err == nil {
				t.Fatalf("%s: taken", name)
			}
			if _, err := ReadEvent(bytes.NewReader(raw)); err == nil {
				t.Fatalf("%s: taken", name)
			}
		}
		runtime.ReadMemStats(&after)
		if per := (after.TotalAlloc - before.TotalAlloc) / rounds; per > 32<<10 {
			t.Errorf("%s: %d bytes allocated each time", name, per)
		}
	}
}

func TestWriteEventTooBig(t *testing.T) {
	t.Parallel()
	if err := WriteEvent(io.Discard, Event{Content: long(MaxEvent)}); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
}

// TestSaid: what is said without a signature is taken from its author's stream and
// from nowhere else, and nothing but a Progress is.
func TestSaid(t *testing.T) {
	t.Parallel()
	m := Progress{Job: testID(1), Shard: 2, Attempt: 3, State: StateRunning}
	author, other := testKey(t, 1), testKey(t, 2)
	said, err := Say(author.PubKey(), m, epoch)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := Seal(author, Countersign{Of: testID(1), Role: RoleClient}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := commit
	unsigned.ID, unsigned.Sig = ID{}, [64]byte{}
	forged := commit
	forged.Sig[5]++
	large := said
	large.Tags = append(slices.Clone(large.Tags), []string{"x", strings.Repeat("y", MaxTagBytes+1)})
	for name, c := range map[string]struct {
		e    Event
		peer identity.PubKey
		want error
	}{
		"its own":           {said, author.PubKey(), nil},
		"another's":         {said, other.PubKey(), ErrBadID},
		"signed":            {commit, author.PubKey(), nil},
		"another's signed":  {commit, other.PubKey(), nil},
		"not signed":        {unsigned, author.PubKey(), ErrBadID},
		"forged":            {forged, author.PubKey(), ErrBadSignature},
		"beyond the limits": {large, author.PubKey(), ErrTooBig},
	} {
		var buf bytes.Buffer
		if err := WriteEvent(&buf, c.e); err != nil {
			t.Fatal(err)
		}
		frame := slices.Clone(buf.Bytes())
		got, err := ReadAnswer(&buf, c.peer)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil && !bytes.Equal(got.Bytes(), c.e.Bytes()) {
			t.Errorf("%s came back as another", name)
		}
		if _, err := ReadEvent(bytes.NewReader(frame)); c.e.Kind == KindProgress && err == nil {
			t.Errorf("%s: taken for a signed document", name)
		}
	}
	if back, err := Decode[Progress](said); err != nil || back != m {
		t.Errorf("%+v, %v", back, err)
	}
	if _, err := Say(author.PubKey(), Progress{}, epoch); !errors.Is(err, ErrInvalid) {
		t.Errorf("nothing said: %v", err)
	}
}
