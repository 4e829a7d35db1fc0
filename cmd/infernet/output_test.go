package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What strangers wrote reaches the screen as JSON too.
func TestDocumentDrivesNoTerminal(t *testing.T) {
	t.Parallel()
	const evil = "a\u009b31m\u202eb\x1b[2J\u2066\x7f é😀\n"
	var out bytes.Buffer
	a := app{out: &out, json: true}
	if err := a.document(map[string]string{"answer": evil}); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return !showable(r) }); i >= 0 {
		t.Errorf("%q", out.String())
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["answer"] != evil {
		t.Errorf("%q, %v", back["answer"], err)
	}
	if !strings.Contains(out.String(), "é😀") {
		t.Error("harmless letters were changed")
	}
}
