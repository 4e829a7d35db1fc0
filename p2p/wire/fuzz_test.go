package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// FuzzParse holds the strict reader to encoding/json: what it takes, the
// standard library takes too and reads the same, and it prints back to itself.
// The signature is left out, or nothing a fuzzer makes would come that far.
func FuzzParse(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(sealed(f, s.msg).Bytes())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := Parse(raw); err == nil && e.Verify() != nil {
			t.Fatal("parsed and not verified")
		}
		p := parser{buf: raw}
		e, err := p.unverified()
		if err != nil || p.end() != nil || e.checkLimits() != nil {
			return
		}
		var std struct {
			Tags    [][]string `json:"tags"`
			Content string     `json:"content"`
			Kind    Kind       `json:"kind"`
			At      int64      `json:"created_at"`
		}
		if err := json.Unmarshal(raw, &std); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if std.Content != e.Content || std.Kind != e.Kind || std.At != e.CreatedAt || !reflect.DeepEqual(std.Tags, e.Tags) {
			t.Fatalf("got %+v, encoding/json %+v", e, std)
		}
		out := e.Bytes()
		if len(out) > MaxEvent {
			t.Fatalf("%d bytes are within the limits", len(out))
		}
		again := parser{buf: out}
		back, err := again.unverified()
		if err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("printed and read back: %v\n%s", err, out)
		}
	})
}

// FuzzReadEvent wants an error or a verified event of any stream.
func FuzzReadEvent(f *testing.F) {
	for _, s := range samples(f)[:3] {
		var buf bytes.Buffer
		if err := WriteEvent(&buf, sealed(f, s.msg)); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
	}
	peer := testKey(f, 1).PubKey()
	said, err := Say(peer, Progress{Job: testID(1), State: StateRunning}, epoch)
	if err != nil {
		f.Fatal(err)
	}
	var unsigned bytes.Buffer
	if err := WriteEvent(&unsigned, said); err != nil {
		f.Fatal(err)
	}
	f.Add(unsigned.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		if e, err := ReadAnswer(bytes.NewReader(in), peer); err == nil && (e.Kind != KindProgress || e.PubKey != peer) && e.Verify() != nil {
			t.Fatal("an answer that nobody signed")
		}
		peeked, frame, perr := PeekEvent(bytes.NewReader(in))
		r := bytes.NewReader(in)
		for first := true; ; first = false {
			left := r.Len()
			e, err := ReadEvent(r)
			// What can be read was peeked at as it is, and its frame reads the same.
			if first && err == nil {
				again, err := ReadEvent(bytes.NewReader(frame))
				if perr != nil || err != nil || peeked.ID != e.ID || again.ID != e.ID {
					t.Fatalf("peeked at another event: %v, %v", perr, err)
				}
			}
			if err != nil {
				return
			}
			var buf bytes.Buffer
			if e.Verify() != nil || WriteEvent(&buf, e) != nil || r.Len() >= left {
				t.Fatal("an event that is not one")
			}
		}
	})
}

// FuzzDecode decodes any tags and content as every kind. What is taken must
// survive being sealed and decoded again.
func FuzzDecode(f *testing.F) {
	for _, s := range samples(f) {
		e := sealed(f, s.msg)
		f.Add(appendTags(nil, e.Tags), e.Content)
	}
	all := samples(f)
	key := testKey(f, 1)
	f.Fuzz(func(t *testing.T, rawTags []byte, content string) {
		p := parser{buf: rawTags}
		tags, err := p.tags()
		if err != nil {
			return
		}
		for _, s := range all {
			e := Event{PubKey: key.PubKey(), CreatedAt: epoch.Unix(), Kind: s.msg.Kind(), Tags: tags, Content: content}
			msg, err := s.decode(e)
			if err != nil {
				continue
			}
			again, err := seal(key, msg, epoch, [nonceLen]byte{})
			if errors.Is(err, ErrTooBig) {
				continue // more was left out than the tags Seal adds
			}
			if err != nil {
				t.Fatalf("%s: decoded and not sealed again: %v", s.msg.Kind(), err)
			}
			if back, err := s.decode(again); err != nil || !reflect.DeepEqual(back, msg) {
				t.Fatalf("%s: got %+v (%v), want %+v", s.msg.Kind(), back, err, msg)
			}
		}
	})
}

// FuzzParseCountersigned wants an error or two verified events: receipts, and
// notes of one payment and of several.
func FuzzParseCountersigned(f *testing.F) {
	for _, s := range samples(f) {
		role := RolePayee
		switch s.msg.Kind() {
		case KindReceipt:
			role = RoleProvider
		case KindCreditNote:
		default:
			continue
		}
		d, err := SignBeside(testKey(f, 2), sealed(f, s.msg), role, epoch)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.Bytes())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseCountersigned(raw)
		if err == nil && (d.Doc.Verify() != nil || d.By.Verify() != nil) {
			t.Fatal("parsed and not verified")
		}
	})
}
