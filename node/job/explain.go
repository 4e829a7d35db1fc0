package job

import (
	"fmt"
	"strconv"
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// Explanation says why a job waits or failed, for programs. Lines says it for people.
type Explanation struct {
	State   State       `json:"state"`
	Reason  Reason      `json:"reason,omitzero"`
	Shards  []ShardNote `json:"shards,omitempty"`  // undecided and rejected ones
	Dropped []Dropped   `json:"dropped,omitempty"` // providers that did not match
	Faults  []FaultNote `json:"faults,omitempty"`  // attempts that were a provider's fault
	Audits  []AuditNote `json:"audits,omitempty"`  // how each provider's results were made sure of
}

// AuditNote is what was looked at of one provider's results. The rates are those
// at which the lottery was held, in ppm.
type AuditNote struct {
	Provider string `json:"provider"` // npub
	Results  int    `json:"results"`  // commits that came in
	Drawn    int    `json:"drawn"`    // of these, chosen by the lottery
	Compared int    `json:"compared"` // of these, compared with another or replayed
	Lowest   uint32 `json:"lowest_ppm"`
	Highest  uint32 `json:"highest_ppm"`
	Held     int    `json:"held"` // payments held back
	Caught   bool   `json:"caught,omitempty"`
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
	Attempt  uint32 `json:"attempt"`  // as documents number it
	Provider string `json:"provider"` // npub
	Blame    string `json:"blame,omitempty"`
	Reason   Reason `json:"reason"`
}

// Why explains a job.
func Why(j Job) Explanation {
	e := Explanation{State: j.State, Reason: j.Reason, Dropped: j.Dropped, Audits: audits(j)}
	for _, sh := range j.Shards {
		if sh.dormant() {
			continue
		}
		if sh.State != ShardVerified && sh.State != ShardPaid {
			e.Shards = append(e.Shards, ShardNote{sh.Index, sh.State, len(sh.Attempts), sh.Reason})
		}
		for _, a := range sh.Attempts {
			if a.Fault {
				e.Faults = append(e.Faults, FaultNote{sh.Index, a.Wire, a.Provider.String(), a.Blame, a.Reason})
			}
		}
	}
	return e
}

// Numbered is what a transition is of, with the attempt as documents number it and
// as it is shown everywhere else; the log counts the attempts of a shard.
func (j Job) Numbered(t Transition) string {
	if sh, a, ok := j.attemptOf(t); ok {
		return subject(sh.Index, a.Wire)
	}
	return t.Subject
}

// AttemptOf returns the attempt that a transition is of.
func (j Job) AttemptOf(t Transition) (a Attempt, ok bool) {
	_, a, ok = j.attemptOf(t)
	return a, ok
}

func (j Job) attemptOf(t Transition) (sh *Shard, a Attempt, ok bool) {
	var shard, n int
	if got, err := fmt.Sscanf(t.Subject, "attempt %d/%d", &shard, &n); err != nil || got != 2 {
		return nil, a, false
	}
	if shard < 0 || shard >= len(j.Shards) || n < 0 || n >= len(j.Shards[shard].Attempts) {
		return nil, a, false
	}
	return j.Shards[shard], j.Shards[shard].Attempts[n], true
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
	told := map[string]bool{}
	for _, f := range e.Faults {
		lines = append(lines, fmt.Sprintf("attempt %d/%d by %s%s%s", f.Shard, f.Attempt, f.Provider, reasonTail(f.Reason), blamed(f.Blame)))
		if h := f.Reason.Hint; h != "" && !told[h] {
			told[h] = true
			lines = append(lines, "hint: "+h)
		}
	}
	for _, a := range e.Audits {
		lines = append(lines, a.line())
	}
	for _, d := range e.Dropped {
		lines = append(lines, d.line())
	}
	return lines
}

// audits sums up the lottery by provider, in the order of their first commits.
func audits(j Job) []AuditNote {
	var out []AuditNote
	at := map[identity.PubKey]int{}
	for _, sh := range j.Shards {
		for k := range sh.Attempts {
			a := &sh.Attempts[k]
			if !a.Drawn {
				continue
			}
			i, known := at[a.Provider]
			if !known {
				i = len(out)
				at[a.Provider] = i
				out = append(out, AuditNote{Provider: a.Provider.String(), Lowest: a.RatePPM})
			}
			out[i].add(a)
		}
	}
	for _, s := range j.Providers {
		if i, known := at[s.Provider]; known {
			out[i].Caught = s.Caught
		}
	}
	return out
}

func (n *AuditNote) add(a *Attempt) {
	n.Results++
	n.Lowest, n.Highest = min(n.Lowest, a.RatePPM), max(n.Highest, a.RatePPM)
	if a.Audited {
		n.Drawn++
	}
	if a.Audits > 0 {
		n.Compared++
	}
	if a.Held {
		n.Held++
	}
}

func (n AuditNote) line() string {
	rates := percent(n.Lowest)
	if n.Highest != n.Lowest {
		rates += " to " + percent(n.Highest)
	}
	s := fmt.Sprintf("%s: %d results, %d of them drawn for an audit (at %s), %d compared",
		n.Provider, n.Results, n.Drawn, rates, n.Compared)
	if n.Held > 0 {
		s += fmt.Sprintf(", payment held back for %d", n.Held)
	}
	if n.Caught {
		s += "; it was caught"
	}
	return s
}

// percent writes parts per million as a percentage, without needless zeros.
func percent(ppm uint32) string { return strconv.FormatFloat(float64(ppm)/10_000, 'f', -1, 64) + "%" }

// blamed says whose fault it was where it was not the provider's.
func blamed(blame string) string {
	switch blame {
	case BlameClient:
		return " (this side's fault)"
	case BlameNetwork:
		return " (perhaps the network's fault)"
	case BlameInconclusive:
		return " (nobody's fault, as far as can be told)"
	}
	return ""
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
	if dear, ok := m.j.Dear(m.j.Dropped); ok {
		said := dear.Reason(m.j.Spec.Payment)
		r.Text, r.Hint = said.Text, said.Hint
	}
	if n := len(m.j.Candidates); n > 0 {
		r.Text = fmt.Sprintf("%d providers match and %s; a shard needs %d independent ones of one hardware class",
			n, m.stuck(), m.needed(&Shard{Wanted: m.j.Spec.Verify.Replicas}))
		r.Hint = "wait for more providers of one class, or lower verify.replicas"
		if m.j.Spec.Verify.Mode != VerifyQuorum {
			r.Hint = "wait for more providers of one class on other networks, or set verify.mode to none"
		}
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
		hint := fmt.Sprintf("have at least %d providers of one class, of different operators", live+1)
		if more := varies(m.j.Spec.Verify.Compare); more != "" {
			hint += "; " + more
		}
		return Reason{
			Code: CodeNoneLeft, Hint: hint,
			Text: fmt.Sprintf("%d providers disagree and nobody else of hardware class %.40q is there to decide", live, sh.Class),
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
