package wire

import (
	"errors"
	"strings"
	"testing"
)

// TestNoteLines: a note is for one thing or for several, each once, and they add
// up to it.
func TestNoteLines(t *testing.T) {
	t.Parallel()
	note := func(change func(*CreditNote)) CreditNote {
		m := CreditNote{
			Payee: testKey(t, 2).PubKey(), Channel: "main", Seq: 4, Cumulative: 100, Amount: 30, Unit: "credits",
			Lines: []CreditLine{{"a/0/0", 10}, {"a/1/0", 20}},
		}
		change(&m)
		return m
	}
	if err := note(func(*CreditNote) {}).Validate(); err != nil {
		t.Fatal(err)
	}
	many := func(m *CreditNote, n int) {
		m.Amount, m.Lines = uint64(n), nil
		for i := range n {
			m.Lines = append(m.Lines, CreditLine{strings.Repeat("a", i+1), 1})
		}
	}
	if err := note(func(m *CreditNote) { many(m, MaxLines) }).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*CreditNote){
		"a ref beside lines": func(m *CreditNote) { m.Ref = "a/2/0" },
		"one line":           func(m *CreditNote) { m.Amount, m.Lines = 10, m.Lines[:1] },
		"too many":           func(m *CreditNote) { m.Cumulative = 1000; many(m, MaxLines+1) },
		"a ref twice":        func(m *CreditNote) { m.Lines[1].Ref = "a/0/0" },
		"no ref":             func(m *CreditNote) { m.Lines[1].Ref = "" },
		"nothing":            func(m *CreditNote) { m.Lines[0].Amount, m.Lines[1].Amount = 0, 30 },
		"too much":           func(m *CreditNote) { m.Lines[1].Amount = 21 },
		"too little":         func(m *CreditNote) { m.Lines[1].Amount = 19 },
		"a sum that wraps":   func(m *CreditNote) { m.Lines[0].Amount, m.Lines[1].Amount = 1<<63, 1<<63+30 },
	} {
		if err := note(change).Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoteLine: each line is found by its ref, with the total up to it, and a
// note for one thing is a line of its own.
func TestNoteLine(t *testing.T) {
	t.Parallel()
	several := CreditNote{Cumulative: 100, Amount: 30, Lines: []CreditLine{{"a/0/0", 10}, {"a/1/0", 20}}}
	one := CreditNote{Cumulative: 100, Amount: 30, Ref: "a/0/0"}
	for _, c := range []struct {
		m             CreditNote
		ref           string
		amount, total uint64
		paid          bool
	}{
		{several, "a/0/0", 10, 80, true}, {several, "a/1/0", 20, 100, true}, {several, "a/2/0", 0, 0, false},
		{several, "", 0, 0, false}, {one, "a/0/0", 30, 100, true}, {one, "a/1/0", 0, 0, false},
	} {
		if amount, total, paid := c.m.Line(c.ref); amount != c.amount || total != c.total || paid != c.paid {
			t.Errorf("%q: %d up to %d, %v", c.ref, amount, total, paid)
		}
	}
}

// TestTwoNotesDifferInLines: one number with other lines is two contents.
func TestTwoNotesDifferInLines(t *testing.T) {
	t.Parallel()
	a := CreditNote{Channel: "main", Seq: 4, Cumulative: 100, Amount: 30, Lines: []CreditLine{{"a/0/0", 10}, {"a/1/0", 20}}}
	b := a
	b.Lines = []CreditLine{{"a/0/0", 20}, {"a/1/0", 10}}
	if got := twoNotes(a, b); got != "" {
		t.Errorf("told apart: %q", got)
	}
	if got := twoNotes(a, a); got != noConflict {
		t.Errorf("the same: %q", got)
	}
}
