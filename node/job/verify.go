package job

import (
	"fmt"
	"slices"

	"infernet.tech/infernet/payments"
)

// askCompare asks for a comparison once all wanted results of a shard are here.
// With verify.mode none the single result is believed, and labelled so.
func (m *machine) askCompare(sh *Shard) {
	if sh.decided() {
		return
	}
	c := Compare{Shard: sh.Index, Comparator: m.j.Spec.Verify.Compare}
	for _, a := range sh.Attempts {
		switch {
		case a.State == AttemptFetched:
			c.Attempts, c.Roots = append(c.Attempts, a.N), append(c.Roots, a.Reveal.Root)
		case a.State.Live():
			return
		}
	}
	if len(c.Attempts) < int(sh.Wanted) {
		return
	}
	if m.j.Spec.Verify.Mode != VerifyQuorum && len(c.Attempts) == 1 {
		m.accept(sh, c.Attempts, LabelClaimed)
		return
	}
	if m.pending(c.Key()) == nil {
		m.emit(c)
	}
}

// compared decides a shard, or asks another provider when the results do not.
func (m *machine) compared(e Compared) error {
	if uint64(e.Shard) >= uint64(len(m.j.Shards)) {
		return m.refuse(fmt.Sprintf("shard %d", e.Shard), "", "there is no such shard")
	}
	sh := m.j.Shards[e.Shard]
	asked, ok := m.comparison(sh)
	if !ok {
		return m.refuse(fmt.Sprintf("shard %d", e.Shard), string(sh.State), "no comparison was asked for")
	}
	if text := m.checkGroups(sh, asked, e.Groups); text != "" {
		return m.refuse(fmt.Sprintf("shard %d", e.Shard), string(sh.State), text)
	}
	m.complete(asked.Key())
	best, tie := biggest(e.Groups)
	if e.Inconclusive || tie || len(best) < int(m.j.Spec.Verify.Agree) {
		m.adjudicate(sh, e.Inconclusive)
		return nil
	}
	m.accept(sh, best, LabelReplicated)
	return nil
}

func (m *machine) comparison(sh *Shard) (Compare, bool) {
	for _, e := range m.j.Outbox {
		if c, ok := e.(Compare); ok && c.Shard == sh.Index {
			return c, true
		}
	}
	return Compare{}, false
}

// checkGroups refuses groups that name what was not asked, name it twice, or
// call different bytes exactly equal.
func (m *machine) checkGroups(sh *Shard, asked Compare, groups [][]uint32) string {
	seen := map[uint32]bool{}
	for _, g := range groups {
		for _, n := range g {
			if !slices.Contains(asked.Attempts, n) {
				return fmt.Sprintf("attempt %d was not to be compared", n)
			}
			if seen[n] {
				return fmt.Sprintf("attempt %d is in two groups", n)
			}
			seen[n] = true
			if asked.Comparator == CompareExact && sh.Attempts[n].Reveal.Root != sh.Attempts[g[0]].Reveal.Root {
				return fmt.Sprintf("attempts %d and %d differ", g[0], n)
			}
		}
	}
	return ""
}

// biggest returns the largest group, sorted, and whether another is as large.
func biggest(groups [][]uint32) (best []uint32, tie bool) {
	for _, g := range groups {
		switch {
		case len(g) > len(best):
			best, tie = g, false
		case len(g) == len(best):
			tie = true
		}
	}
	best = slices.Clone(best)
	slices.Sort(best)
	return best, tie
}

// adjudicate wants one more result, by a provider that had no part in the shard.
func (m *machine) adjudicate(sh *Shard, inconclusive bool) {
	sh.Wanted++
	why := "not enough results agree"
	if inconclusive {
		why = CodeInconclusive
	}
	m.setShard(sh, ShardAdjudicating, why)
}

// accept decides a shard for a group of equal results. The others were wrong,
// and their providers are of no more use to this job.
func (m *machine) accept(sh *Shard, group []uint32, label string) {
	first := sh.Attempts[group[0]]
	sh.Result, sh.Size, sh.Label = first.Reveal.Root, first.Reveal.Size, label
	m.setShard(sh, ShardVerified, label)
	var evidence []ID
	for _, n := range group {
		evidence = append(evidence, sh.Attempts[n].evidence()...)
	}
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		switch {
		case slices.Contains(group, a.N):
			m.set(sh, a, AttemptOK, label)
			m.settle(sh, a, VerdictOK, label, a.Amount, a.evidence())
		case a.State == AttemptFetched:
			m.mismatch(sh, a, group, evidence)
		case a.State.Live():
			m.cancel(sh, a, Reason{Code: CodeSuperseded, Text: "the shard was decided without it"})
		}
	}
}

func (m *machine) mismatch(sh *Shard, a *Attempt, group []uint32, evidence []ID) {
	m.set(sh, a, AttemptBad, CodeMismatch)
	a.Fault = true
	a.Reason = Reason{
		Code: CodeMismatch,
		Text: fmt.Sprintf("its result differs from that of %d other providers", len(group)),
	}
	s := m.standing(a.Provider)
	s.Faults++
	s.LastFault = m.now
	m.settle(sh, a, VerdictBad, "", payments.Amount{Unit: a.Amount.Unit}, append(a.evidence(), evidence...))
	m.exclude(a.Provider, CodeMismatch)
}

func (m *machine) settle(sh *Shard, a *Attempt, verdict, label string, amount payments.Amount, evidence []ID) {
	m.emit(Settle{
		Shard: sh.Index, Attempt: a.N, Provider: a.Provider, Verdict: verdict, Label: label,
		Amount: amount, Reason: a.Reason, Evidence: evidence,
	})
}
