package payments

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Entries are kept in a form of their own, a third of the size of their JSON:
// a version byte, then fixed and length-prefixed fields in the order of encode.
// What is in the key is not repeated. Entries that were written as JSON, which
// begins with a brace, are read too.
const (
	entryVersion  = 1
	sharedVersion = 2 // of those with Shared, which is 32 bytes after the version
)

// codes are the states in an entry, by number; the order is for ever.
var codes = [...]State{1: StateQuoted, 2: StateHeld, 3: StateCaptured, 4: StateReleased, 5: StateUnknown}

func (e Entry) encode() []byte {
	b := make([]byte, 0, 192+len(e.Doc)+len(e.Answer)+len(e.Memo))
	if id, err := hex.DecodeString(e.Shared); err == nil && len(id) == sharedSize {
		b = append(append(b, sharedVersion), id...)
	} else {
		b = append(b, entryVersion)
	}
	b = append(b, e.Peer[:]...)
	b = binary.AppendUvarint(b, e.Amount.Value)
	b = appendText(b, string(e.Amount.Unit))
	b = appendText(b, e.Memo)
	b = appendText(b, e.Secured)
	b = binary.AppendUvarint(b, uint64(e.Tries))
	b = binary.AppendVarint(b, e.Created.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(e.Steps)))
	for _, s := range e.Steps {
		b = append(b, byte(slices.Index(codes[:], s.State)))
		b = binary.AppendUvarint(b, uint64(s.Times))
		b = binary.AppendVarint(b, s.At.UnixMilli()-e.Created.UnixMilli())
		b = appendText(b, s.Reason)
	}
	b = appendText(b, string(e.Doc))
	return append(b, e.Answer...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decode fills what the key does not say.
func (e *Entry) decode(raw []byte) error {
	if len(raw) > 0 && raw[0] == '{' {
		return e.decodeJSON(raw)
	}
	d := decoder{b: raw}
	switch v := d.bytes(1); {
	case d.err != nil:
	case v[0] == sharedVersion:
		e.Shared = hex.EncodeToString(d.bytes(sharedSize))
	case v[0] != entryVersion:
		d.fail("version %d", v[0])
	}
	copy(e.Peer[:], d.bytes(len(e.Peer)))
	e.Amount.Value, e.Amount.Unit = d.uint(), Unit(d.text())
	e.Memo, e.Secured, e.Tries = d.text(), d.text(), uint32(d.uint())
	created := d.int()
	e.Created = time.UnixMilli(created).UTC()
	n := d.uint()
	if n == 0 || n > maxSteps {
		d.fail("%d steps", n)
	}
	if d.err == nil {
		e.Steps = make([]Step, 0, n)
	}
	for i := uint64(0); d.err == nil && i < n; i++ {
		s := Step{State: d.state(), Times: uint32(d.uint()), At: time.UnixMilli(created + d.int()).UTC()}
		s.Reason = d.text()
		e.Steps = append(e.Steps, s)
	}
	e.Doc = d.data(d.uint())
	e.Answer = d.data(uint64(len(d.b)))
	if d.err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, d.err)
	}
	last := e.Steps[n-1]
	e.State, e.Reason, e.Updated = last.State, last.Reason, last.At
	return nil
}

func (e *Entry) decodeJSON(raw []byte) error {
	if err := json.Unmarshal(raw, e); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := e.State.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if len(e.Steps) == 0 { // from before there was a history
		e.Steps = []Step{{State: e.State, At: e.Updated, Reason: e.Reason, Times: 1}}
	}
	return nil
}

// decoder takes fields off b; the first error stays and ends the work.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) bytes(n int) []byte {
	if d.err != nil || n > len(d.b) {
		d.fail("cut short")
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

var errNumber = errors.New("not a number")

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.err != nil || n <= 0 {
		d.fail("%w", errNumber)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if d.err != nil || n <= 0 {
		d.fail("%w", errNumber)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail("cut short")
		return ""
	}
	return string(d.bytes(int(n)))
}

// data is a copy of n bytes, nil for none.
func (d *decoder) data(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail("cut short")
	}
	if d.err != nil || n == 0 {
		return nil
	}
	return slices.Clone(d.bytes(int(n)))
}

func (d *decoder) state() State {
	v := d.bytes(1)
	if d.err != nil || v[0] == 0 || int(v[0]) >= len(codes) {
		d.fail("no such state")
		return ""
	}
	return codes[v[0]]
}
