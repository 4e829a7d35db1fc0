package job

import (
	"fmt"
	"strings"
)

// Explanation says why a job waits or failed, for programs. Lines says it for people.
type Explanation struct {
	State   State       `json:"state"`
	Reason  Reason      `json:"reason,omitzero"`
	Shards  []ShardNote `json:"shards,omitempty"`  // undecided and rejected ones
	Dropped []Dropped   `json:"dropped,omitempty"` // providers that did not match
	Faults  []FaultNote `json:"faults,omitempty"`  // attempts that were a provider's fault
}

// ShardNote is a shard that has no result.
type ShardNote struct {
	Index    uint32     `json:"index"`
	State    ShardState `json:"state"`
	Attempts int        `json:"attempts"`
	Reason   Reason     `json:"reason,omitzero"`
}

// FaultNote is an attempt that failed by its provider's fault.
type FaultNote struct {
	Shard    uint32 `json:"shard"`
	Attempt  uint32 `json:"attempt"`
	Provider string `json:"provider"` // npub
	Reason   Reason `json:"reason"`
}

// Why explains a job.
func Why(j Job) Explanation {
	e := Explanation{State: j.State, Reason: j.Reason, Dropped: j.Dropped}
	for _, sh := range j.Shards {
		if sh.State != ShardVerified && sh.State != ShardPaid {
			e.Shards = append(e.Shards, ShardNote{sh.Index, sh.State, len(sh.Attempts), sh.Reason})
		}
		for _, a := range sh.Attempts {
			if a.Fault {
				e.Faults = append(e.Faults, FaultNote{sh.Index, a.N, a.Provider.String(), a.Reason})
			}
		}
	}
	return e
}

// Explain explains a job in lines for people. Text that came from strangers is quoted and cut.
func Explain(j Job) []string { return Why(j).Lines() }

// Lines writes the explanation for people.
func (e Explanation) Lines() []string {
	lines := []string{"the job is " + string(e.State) + reasonTail(e.Reason)}
	if e.State == StateDone {
		lines[0] = "the job is done"
	}
	if e.Reason.Hint != "" {
		lines = append(lines, "hint: "+e.Reason.Hint)
	}
	for _, s := range e.Shards {
		lines = append(lines, fmt.Sprintf("shard %d is %s after %d attempts%s", s.Index, s.State, s.Attempts, reasonTail(s.Reason)))
	}
	for _, f := range e.Faults {
		lines = append(lines, fmt.Sprintf("attempt %d/%d by %s%s", f.Shard, f.Attempt, f.Provider, reasonTail(f.Reason)))
	}
	for _, d := range e.Dropped {
		lines = append(lines, d.line())
	}
	return lines
}

func (d Dropped) line() string {
	s := fmt.Sprintf("%s does not match: %s", d.Provider, d.Predicate)
	if d.Have != "" || d.Want != "" {
		s += fmt.Sprintf(" (has %s, wanted %s)", cut(d.Have), cut(d.Want))
	}
	if d.Hint != "" {
		s += "; " + d.Hint
	}
	return s
}

func reasonTail(r Reason) string {
	switch {
	case r.Code == "":
		return ""
	case r.Text == "":
		return ": " + r.Code
	}
	return ": " + r.Code + ": " + cut(r.Text)
}

// cut makes a text that may be a stranger's fit for a terminal.
func cut(s string) string {
	const most = 300
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(clean); len(r) > most {
		return string(r[:most]) + "…"
	}
	return clean
}

func (m *machine) noProvider() Reason {
	r := Reason{Code: CodeNoProvider, Text: "no provider was found", Hint: "start a provider, or add a peer with --bootstrap"}
	if n := len(m.j.Dropped); n > 0 {
		first := m.j.Dropped[0]
		r.Text = fmt.Sprintf("none of %d providers matches; the first: %s", n, first.Predicate)
		r.Hint = first.Hint
	}
	if n := len(m.j.Candidates); n > 0 {
		r.Text = fmt.Sprintf("%d providers match and %s; a shard needs %d different ones of one hardware class",
			n, m.stuck(), m.j.Spec.Verify.Replicas)
		r.Hint = "wait for more providers of one class, or lower verify.replicas"
	}
	return r
}

// stuck says what keeps the candidates from being used.
func (m *machine) stuck() string {
	classes := map[string]bool{}
	excluded := 0
	for _, c := range m.j.Candidates {
		classes[c.Class] = true
		if m.excluded(c.Provider) {
			excluded++
		}
	}
	if excluded > 0 {
		return fmt.Sprintf("%d of them were caught or failed twice", excluded)
	}
	if len(classes) > 1 {
		return fmt.Sprintf("they are of %d hardware classes", len(classes))
	}
	return "not enough of them are left for it"
}

func (m *machine) noneLeft(sh *Shard) Reason {
	r := m.noProvider()
	if live, _ := sh.have(); live > 0 && sh.Disputed {
		return Reason{
			Code: CodeNoneLeft,
			Text: fmt.Sprintf("%d providers disagree and nobody else of hardware class %.40q is there to decide", live, sh.Class),
			Hint: fmt.Sprintf("have at least %d providers of one class, of different operators", live+1),
		}
	}
	return Reason{
		Code: CodeNoneLeft,
		Text: fmt.Sprintf("after %d attempts nobody is left to ask: %s", len(sh.Attempts), r.Text),
		Hint: r.Hint,
	}
}

// usedUp says why a shard gets no further attempt.
func (m *machine) usedUp(sh *Shard) Reason {
	last := Reason{}
	for _, a := range sh.Attempts {
		if a.Reason.Code != "" && a.State != AttemptCancelled {
			last = a.Reason
		}
	}
	if m.taskBroken(sh) {
		return Reason{Code: CodeTask, Text: "the task fails on every provider: " + last.Text,
			Hint: "run the image on one input by hand; see infernet job logs"}
	}
	return Reason{Code: CodeAttempts,
		Text: fmt.Sprintf("%d attempts failed; the last: %s %s", len(sh.Attempts), last.Code, last.Text),
		Hint: "see infernet job explain for each attempt; raise timeouts.shard if they were late"}
}
