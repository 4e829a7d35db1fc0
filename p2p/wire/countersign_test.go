package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"infernet.tech/infernet/p2p/identity"
)

func TestCountersigned(t *testing.T) {
	t.Parallel()
	payer, provider, stranger := testKey(t, 1), testKey(t, 2), testKey(t, 3)
	doc := sealed(t, samples(t)[11].msg)
	sign := func(k *identity.Key, of Event) Countersigned {
		d, err := SignBeside(k, of, RoleProvider, epoch)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	good := sign(provider, doc)
	if err := good.Verify(provider.PubKey()); err != nil {
		t.Fatal(err)
	}

	other := sealed(t, Countersign{Of: testID(1), Role: RoleClient})
	notOne, err := Seal(provider, Cancel{Job: testID(1), Shard: -1, Attempt: -1}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	altered := doc
	altered.Tags = other.Tags
	tests := []struct {
		name   string
		d      Countersigned
		expect identity.PubKey
		want   error
	}{
		{"by a stranger", sign(stranger, doc), provider.PubKey(), ErrCountersign},
		{"by the author", sign(payer, doc), payer.PubKey(), ErrCountersign},
		{"of another document", Countersigned{doc, sign(provider, other).By}, provider.PubKey(), ErrCountersign},
		{"not a countersignature", Countersigned{doc, notOne}, provider.PubKey(), ErrCountersign},
		{"nobody expected", good, identity.PubKey{}, ErrCountersign},
		{"altered document", Countersigned{altered, good.By}, provider.PubKey(), ErrBadID},
		{"nothing", Countersigned{}, provider.PubKey(), ErrBadID},
		{"no countersignature", Countersigned{Doc: doc}, provider.PubKey(), ErrBadID},
	}
	for _, tt := range tests {
		if err := tt.d.Verify(tt.expect); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestCountersignedJSON(t *testing.T) {
	t.Parallel()
	d, err := SignBeside(testKey(t, 2), sealed(t, samples(t)[11].msg), RoleProvider, epoch)
	if err != nil {
		t.Fatal(err)
	}
	raw := d.Bytes()
	back, err := ParseCountersigned(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Bytes(), raw) {
		t.Errorf("got\n%s\nwant\n%s", back.Bytes(), raw)
	}
	std, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var again Countersigned
	if err := json.Unmarshal(std, &again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), raw) {
		t.Error("encoding/json gives another document")
	}
	for name, bad := range map[string]string{
		"trailing":  string(raw) + "{}",
		"one only":  `{"doc":` + string(d.Doc.Bytes()) + `}`,
		"doc twice": `{"doc":` + string(d.Doc.Bytes()) + `,"doc":` + string(d.Doc.Bytes()) + `}`,
		"unknown":   strings.Replace(string(raw), `"doc"`, `"dog"`, 1),
		"unsigned":  strings.Replace(string(raw), d.By.ID.String(), d.Doc.ID.String(), 1),
		"array":     "[" + string(raw) + "]",
		"empty":     "",
		"huge":      strings.Repeat(" ", 2*MaxEvent) + string(raw),
	} {
		if got, err := ParseCountersigned([]byte(bad)); err == nil || got.Doc.Sig != [64]byte{} {
			t.Errorf("%s: %v", name, err)
		}
	}
}
