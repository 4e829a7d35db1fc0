package main

import (
	"testing"

	"infernet.tech/infernet/node/api"
)

// Only what came to an answer is shown as checked.
func TestCheckedText(t *testing.T) {
	for want, x := range map[string]struct {
		a      api.Attempt
		replay bool
	}{
		"compared":     {api.Attempt{Drawn: true, Audited: true, Audits: 1, Verdict: "ok"}, false},
		"replayed":     {api.Attempt{Drawn: true, Audited: true, Audits: 1, Verdict: "ok"}, true},
		"undecided":    {api.Attempt{Drawn: true, Audited: true, Verdict: "ok"}, true},
		"drawn":        {api.Attempt{Drawn: true, Audited: true}, true},
		"not-checked":  {api.Attempt{Drawn: true, Audited: true, Known: true, Verdict: "cancelled"}, false},
		"known-answer": {api.Attempt{Drawn: true, Audited: true, Known: true, Audits: 1, Verdict: "bad"}, false},
		"held":         {api.Attempt{Drawn: true, Held: true, Verdict: "ok"}, false},
		"not-drawn":    {api.Attempt{Drawn: true, Verdict: "ok"}, false},
		"-":            {api.Attempt{Verdict: "ok"}, false},
	} {
		if got := checkedText(x.a, x.replay); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What is worst of a node is what is said of it.
func TestStandingText(t *testing.T) {
	for want, r := range map[string]api.Reputation{
		"fraud":   {Fraud: true, Caught: true, Suspect: true},
		"owes,2":  {Owes: 2, Caught: true},
		"caught":  {Caught: true, Suspect: true},
		"suspect": {Suspect: true},
		"-":       {Known: true},
	} {
		if got := standingText(r); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
