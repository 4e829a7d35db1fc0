package openai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestManyMembers: an answer's message is a stranger's, and only its size is
// bounded. Where each member was compared with all before it, this one took
// half an hour.
func TestManyMembers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"role":"assistant","content":[{"type":"text","text":"x"`)
	for i := range 1_000_000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	text := b.String()
	var m Message
	if err := json.Unmarshal([]byte(text+`}]}`), &m); err != nil || m.Content.String() != "x" {
		t.Errorf("%q, %v", m.Content.String(), err)
	}
	if err := json.Unmarshal([]byte(text+`,"k999998":2}]}`), &m); err == nil {
		t.Error("a member is there twice and taken")
	}
}
