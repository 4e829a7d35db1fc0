package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	e := sealed(t, Countersign{Of: testID(1), Role: RoleClient})
	good := string(e.Bytes())
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	id, sig := e.ID.String(), good[strings.Index(good, `"sig":`):]
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the event", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := []struct {
		name, raw string
		want      error
	}{
		{"empty", "", ErrSyntax},
		{"array", "[]", ErrSyntax},
		{"null", "null", ErrSyntax},
		{"no fields", "{}", ErrSyntax},
		{"truncated", good[:len(good)-1], ErrSyntax},
		{"trailing bytes", good + "x", ErrSyntax},
		{"two events", good + good, ErrSyntax},
		{"trailing comma", replace(`"}`, `",}`), ErrSyntax},
		{"unknown field", replace(`{"id"`, `{"x":1,"id"`), ErrSyntax},
		{"unknown instead of known", replace(`"content"`, `"contents"`), ErrSyntax},
		{"case of a field", replace(`"id"`, `"ID"`), ErrSyntax},
		{"missing field", replace(`"content":"",`, ``), ErrSyntax},
		{"duplicate field", replace(`"content":""`, `"content":"","content":""`), ErrSyntax},
		{"duplicate for missing", replace(`"content":""`, `"id":"`+id+`"`), ErrSyntax},
		{"duplicate by escape", replace(`"content":""`, `"\u0069d":"`+id+`"`), ErrSyntax},
		{"upper-case hex", replace(id, strings.ToUpper(id)), ErrSyntax},
		{"short id", replace(id, id[:62]), ErrSyntax},
		{"long id", replace(id, id+"00"), ErrTooBig},
		{"very long id", replace(id, long(5000)), ErrTooBig},
		{"not hex", replace(id, "zz"+id[2:]), ErrSyntax},
		{"float", replace(`"kind":1583`, `"kind":1583.0`), ErrSyntax},
		{"exponent", replace(`"kind":1583`, `"kind":1e3`), ErrSyntax},
		{"leading zero", replace(`"kind":1583`, `"kind":01583`), ErrSyntax},
		{"negative", replace(`"kind":1583`, `"kind":-1583`), ErrSyntax},
		{"kind too high", replace(`"kind":1583`, `"kind":65536`), ErrSyntax},
		{"quoted number", replace(`"kind":1583`, `"kind":"1583"`), ErrSyntax},
		{"2^64", replace(`"created_at":1790000000`, `"created_at":18446744073709551616`), ErrSyntax},
		{"endless number", replace(`"kind":1583`, `"kind":`+strings.Repeat("9", 5000)), ErrSyntax},
		{"null content", replace(`"content":""`, `"content":null`), ErrSyntax},
		{"null tags", replace(`"tags":[`, `"tags":null,"x":[`), ErrSyntax},
		{"number in a tag", replace(`["v","1"]`, `["v",1]`), ErrSyntax},
		{"empty tag", replace(`["v","1"]`, `[]`), ErrInvalid},
		{"raw control character", replace(`"content":""`, "\"content\":\"\x01\""), ErrSyntax},
		{"escaped control character", replace(`"content":""`, `"content":"\u0001"`), ErrInvalid},
		{"bad UTF-8", replace(`"content":""`, "\"content\":\"\xff\""), ErrSyntax},
		{"half a surrogate pair", replace(`"content":""`, `"content":"\ud800"`), ErrSyntax},
		{"unknown escape", replace(`"content":""`, `"content":"\x"`), ErrSyntax},
		{"escape at the end", replace(`"content":""`, `"content":"\`), ErrSyntax},
		{"other content", replace(`"content":""`, `"content":" "`), ErrBadID},
		{"other date", replace(`1790000000`, `1790000001`), ErrBadID},
		{"zero id", replace(id, ID{}.String()), ErrBadID},
		{"zero signature", replace(sig, `"sig":"`+strings.Repeat("0", 128)+`"}`), ErrBadSignature},
		{"65 tags", replace(`["v","1"]`, `["v","1"]`+strings.Repeat(`,["x"]`, MaxTags)), ErrTooBig},
		{"161 values", replace(`["v","1"]`, `["v"`+strings.Repeat(`,"x"`, MaxTagValues)+`]`), ErrTooBig},
		{"long value", replace(`["v","1"]`, `["v","`+long(MaxTagBytes+1)+`"]`), ErrTooBig},
		{"long escaped value", replace(`["v","1"]`, `["v","`+strings.Repeat(`\n`, MaxTagBytes+1)+`"]`), ErrTooBig},
		{"too big", good + strings.Repeat(" ", MaxEvent), ErrTooBig},
		{"deep nesting", strings.Repeat(`{"tags":[`, 20000), ErrSyntax},
	}
	for _, tt := range tests {
		if _, err := Parse([]byte(tt.raw)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestBothChecked is about an id that is right for the content, or a signature
// that is right for the id, without the other.
func TestBothChecked(t *testing.T) {
	t.Parallel()
	a := sealed(t, Countersign{Of: testID(1), Role: RoleClient})
	b := sealed(t, Countersign{Of: testID(2), Role: RoleClient})

	// A library that hashes the content itself takes this one, whose id
	// names another document.
	e := a
	e.ID = b.ID
	if ok, err := toNostr(e).CheckSignature(); !ok || err != nil {
		t.Fatalf("the example proves nothing: %v %v", ok, err)
	}
	if err := e.Verify(); !errors.Is(err, ErrBadID) {
		t.Errorf("id of another document: %v", err)
	}
	// And one that trusts the id takes this one.
	e = a
	e.Tags = b.Tags
	if err := e.Verify(); !errors.Is(err, ErrBadID) {
		t.Errorf("content of another document: %v", err)
	}
	e = a
	e.Sig = b.Sig
	if err := e.Verify(); !errors.Is(err, ErrBadSignature) {
		t.Errorf("signature of another document: %v", err)
	}
	e = a
	e.PubKey = testKey(t, 2).PubKey()
	if e.ID = e.hash(); !errors.Is(e.Verify(), ErrBadSignature) {
		t.Error("another's name over the author's signature passed")
	}
}

// TestAgainstGoNostr has another implementation agree on ids, signatures and
// JSON, also for text that needs every escape.
func TestAgainstGoNostr(t *testing.T) {
	t.Parallel()
	events := []Event{resigned(t, sealed(t, Countersign{Of: testID(1), Role: RoleClient}), func(e *Event) {
		e.Content = "\b\t\n\f\r\"\\/<>&\u2028\u007fé漢🙂"
		setTag(e, "x", e.Content, "")
	})}
	for _, s := range samples(t) {
		events = append(events, sealed(t, s.msg))
	}
	for _, e := range events {
		n := toNostr(e)
		if n.GetID() != e.ID.String() {
			t.Errorf("%s: id differs", e.Kind)
		}
		if ok, err := n.CheckSignature(); !ok || err != nil {
			t.Errorf("%s: signature: %v %v", e.Kind, ok, err)
		}
		theirs, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range [][]byte{theirs, mustMarshal(t, e), e.Bytes()} {
			back, err := Parse(raw)
			if err != nil {
				t.Errorf("%s: %v\n%s", e.Kind, err, raw)
			} else if !bytes.Equal(back.Bytes(), e.Bytes()) {
				t.Errorf("%s: other event from\n%s", e.Kind, raw)
			}
		}
	}
}

func mustMarshal(t *testing.T, e Event) []byte {
	raw, err := json.MarshalIndent(e, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func toNostr(e Event) *nostr.Event {
	var n nostr.Event
	if err := json.Unmarshal(e.Bytes(), &n); err != nil {
		panic(err)
	}
	return &n
}

// TestTrickyJSON has the same event in another order, with spaces and escapes:
// other clients write it so, and it is the same document.
func TestTrickyJSON(t *testing.T) {
	t.Parallel()
	e := sealed(t, Countersign{Of: testID(1), Role: RoleClient})
	raw := " {\n\"sig\" : " + string(e.Bytes()[strings.Index(string(e.Bytes()), `"sig":`)+6:])
	raw = strings.TrimSuffix(raw, "}") + `,"content":"","tags":[["v","\u0031"],["e","` + testID(1).String() + `"],["role","client"]],` +
		`"kind": 1583,"created_at":1790000000,"\u0070ubkey":"` + e.PubKey.Hex() + `","id":"` + e.ID.String() + `"} ` + "\n"
	got, err := Parse([]byte(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if !bytes.Equal(got.Bytes(), e.Bytes()) {
		t.Error("other spelling gave another event")
	}
}
