package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

func aKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestCheckReceipt judges receipts of windows of inference: as they are signed,
// wrapped as lists of receipts print them, and changed on the way.
func TestCheckReceipt(t *testing.T) {
	t.Parallel()
	payer, provider := aKey(t), aKey(t)
	now := time.Unix(1_800_000_000, 0)
	m := wire.Receipt{
		Job: wire.ID{1}, Shard: 2, Provider: provider.PubKey(), Payer: payer.PubKey(),
		Image: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Units: 42, InTokens: 12, OutTokens: 30, Amount: 7, Unit: "credits", Rail: "credit",
		Verdict: wire.VerdictOK, Label: wire.LabelClaimed, PayRef: "ref/2/0", StartedMS: 1, EndedMS: 2,
	}
	doc, err := wire.Seal(payer, m, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := wire.SignBeside(provider, doc, wire.RoleProvider, now)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := wire.Seal(aKey(t), m, now)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := func(doc wire.Event) []byte {
		return fmt.Appendf(nil, `{"doc":%s,"countersignature":null}`, doc.Bytes())
	}
	for _, c := range []struct {
		name   string
		raw    []byte
		valid  bool
		signed string
	}{
		{"both", pair.Bytes(), true, "both"},
		{"alone", doc.Bytes(), true, "judge"},
		{"wrapped", wrapped(doc), true, "judge"},
		{"changed", bytes.Replace(wrapped(doc), []byte(`"30"`), []byte(`"31"`), 1), false, ""},
		{"by a stranger", wrapped(foreign), false, ""},
	} {
		got := checkReceipt(c.raw)
		if got.Valid != c.valid || got.Signed != c.signed || !c.valid && got.Reason == "" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
