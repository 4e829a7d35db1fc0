package job

import (
	"fmt"
	"slices"
)

// askResult asks for a comparison once all wanted results of a shard are here. A
// single result that nothing was drawn for is believed, and labelled so.
func (m *machine) askResult(sh *Shard) {
	if sh.decided() || sh.dormant() {
		return
	}
	c := Compare{Shard: sh.Index, Comparator: m.j.Spec.Verify.Compare}
	votes, doubts := 0, 0
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		switch {
		case a.Vote || (a.State == AttemptFetched && !a.Doubt):
			votes++
		case a.State == AttemptFetched:
			doubts++
		case a.State.Live():
			return
		default:
			continue
		}
		c.Attempts, c.Roots = append(c.Attempts, a.N), append(c.Roots, a.Reveal.Root)
	}
	if votes < int(sh.Wanted) {
		return
	}
	if known := sh.Input.Known; known != nil {
		c.Attempts, c.Roots = append(c.Attempts, KnownAnswer), append(c.Roots, known.Root)
	} else if m.j.Spec.Verify.Mode == VerifyReplay {
		m.askReplay(sh, &sh.Attempts[c.Attempts[0]])
		return
	} else if votes == 1 && doubts == 0 && m.j.Spec.Verify.Mode != VerifyQuorum {
		m.believe(sh, &sh.Attempts[c.Attempts[0]])
		return
	}
	key := c.Key()
	if m.pending(func(e Effect) bool { return compareOf(sh)(e) && e.Key() == key }) == nil {
		m.emit(c)
	}
}

// believe decides a shard for the only result there is.
func (m *machine) believe(sh *Shard, a *Attempt) {
	sh.Group = []uint32{a.N}
	m.decide(sh, a, LabelClaimed)
	if m.j.Spec.Verify.Mode == VerifyNone {
		m.pay(sh, a, LabelClaimed)
	} else {
		m.hold(sh, a)
	}
}

func (m *machine) decide(sh *Shard, a *Attempt, label string) {
	sh.Result, sh.Size, sh.Label = a.Reveal.Root, a.Reveal.Size, label
	sh.Disputed = false
	m.setShard(sh, ShardVerified, label)
}

// compared decides a shard, or asks another provider when the results do not.
func (m *machine) compared(e Compared) error {
	if uint64(e.Shard) >= uint64(len(m.j.Shards)) {
		return m.refuse(fmt.Sprintf("shard %d", e.Shard), "", "there is no such shard")
	}
	sh := m.own(e.Shard)
	asked, ok := m.pending(compareOf(sh)).(Compare)
	if !ok {
		return m.refuse(fmt.Sprintf("shard %d", e.Shard), string(sh.State), "no comparison was asked for")
	}
	if text := m.checkGroups(sh, asked, e); text != "" {
		return m.refuse(fmt.Sprintf("shard %d", e.Shard), string(sh.State), text)
	}
	m.drop(compareOf(sh))
	for _, n := range asked.Attempts {
		if n != KnownAnswer {
			sh.Attempts[n].Audits = uint32(len(asked.Attempts) - 1)
		}
	}
	if e.Inconclusive {
		m.adjudicate(sh, CodeInconclusive)
		return nil
	}
	group, label, why := m.judge(sh, asked, e)
	if why != "" {
		m.adjudicate(sh, why)
		return nil
	}
	m.accept(sh, asked, group, e.Unsure, label)
	return nil
}

// checkGroups refuses groups that name what was not asked, name it twice, or
// call different bytes exactly equal.
func (m *machine) checkGroups(sh *Shard, asked Compare, e Compared) string {
	seen := map[uint32]bool{}
	root := func(n uint32) string { return asked.Roots[slices.Index(asked.Attempts, n)] }
	for _, g := range append(slices.Clone(e.Groups), e.Unsure) {
		for _, n := range g {
			if !slices.Contains(asked.Attempts, n) {
				return fmt.Sprintf("attempt %d was not to be compared", n)
			}
			if seen[n] {
				return fmt.Sprintf("attempt %d is in two groups", n)
			}
			seen[n] = true
		}
	}
	for _, g := range e.Groups {
		for _, n := range g {
			if asked.Comparator == CompareExact && root(n) != root(g[0]) {
				return fmt.Sprintf("attempts %d and %d differ", g[0], n)
			}
		}
	}
	return ""
}

// judge finds the group that stands and how sure that makes its result, or why
// none does. A validator of one's own decides; else the biggest group, if it is
// big enough. A known answer is worth two results, and never convicts alone: it
// might itself be wrong.
func (m *machine) judge(sh *Shard, asked Compare, e Compared) (group []uint32, label, why string) {
	groups := slices.Clone(e.Groups)
	for _, n := range asked.Attempts { // who is in no group stands alone
		if !slices.Contains(e.Unsure, n) && !slices.ContainsFunc(groups, func(g []uint32) bool { return slices.Contains(g, n) }) {
			groups = append(groups, []uint32{n})
		}
	}
	best, most, tie, voters := []uint32(nil), 0, false, 0
	for _, g := range groups {
		weight, votes, own := m.weigh(sh, g)
		if own {
			return g, LabelAudited, ""
		}
		if votes > 0 {
			voters++
		}
		switch {
		case weight > most:
			best, most, tie = g, weight, false
		case weight == most && weight > 0:
			tie = true
		}
	}
	_, votes, _ := m.weigh(sh, best)
	switch {
	case tie, votes == 0, most < m.agree(sh):
		return nil, "", "not enough results agree"
	case voters > 1 && !sh.hasTrusted() && m.trustedLeft(sh):
		return nil, "", "a validator of one's own decides"
	case votes == 1 && most == 1 && m.disagrees(sh, groups, best):
		return nil, "", "it differs from that of one who was caught"
	}
	switch {
	case slices.Contains(best, KnownAnswer):
		return best, LabelAudited, ""
	case votes > 1:
		return best, LabelReplicated, ""
	}
	return best, LabelClaimed, ""
}

// weigh is what a group counts for, how many of it are results that count, and
// whether a validator of one's own is among them.
func (m *machine) weigh(sh *Shard, group []uint32) (weight, votes int, own bool) {
	for _, n := range group {
		if n == KnownAnswer {
			weight += knownWeight
			continue
		}
		if a := &sh.Attempts[n]; a.counts() {
			weight, votes = weight+1, votes+1
			own = own || a.Trusted
		}
	}
	return weight, votes, own
}

// agree is how much must agree.
func (m *machine) agree(sh *Shard) int {
	v := m.j.Spec.Verify
	switch {
	case sh.Input.Known != nil:
		return 2
	case v.Mode == VerifyQuorum:
		return int(v.Agree)
	case sh.Wanted > 1:
		return max(2, int(v.Agree))
	}
	return 1
}

// disagrees reports whether somebody who was caught has another result than the
// only one that counts: then that one is looked at, too.
func (m *machine) disagrees(sh *Shard, groups [][]uint32, best []uint32) bool {
	for _, g := range groups {
		if len(g) > 0 && g[0] != best[0] && m.j.Spec.Verify.Mode != VerifyQuorum {
			return true
		}
	}
	return false
}

func (m *machine) trustedLeft(sh *Shard) bool {
	return len(m.fit(sh, func(o *option) bool { return o.trusted })) > 0
}

// hasTrusted reports whether a validator of one's own is at the shard.
func (s *Shard) hasTrusted() bool {
	return slices.ContainsFunc(s.Attempts, func(a Attempt) bool { return a.Trusted && a.counts() })
}

// adjudicate wants one more result, by a provider that had no part in the shard.
func (m *machine) adjudicate(sh *Shard, why string) {
	sh.Wanted++
	sh.Disputed = true
	m.setShard(sh, ShardAdjudicating, why)
}

// accept decides a shard for a group of equal results. The others were wrong,
// and their providers are of no more use to this job.
func (m *machine) accept(sh *Shard, asked Compare, group, unsure []uint32, label string) {
	var evidence []ID
	sh.Group = nil
	for _, n := range asked.Attempts {
		if n == KnownAnswer || !slices.Contains(group, n) {
			continue
		}
		if a := &sh.Attempts[n]; a.counts() {
			sh.Group = append(sh.Group, n)
			evidence = append(evidence, a.evidence()...)
		}
	}
	m.decide(sh, &sh.Attempts[sh.Group[0]], label)
	if sh.Input.Known != nil && !slices.Contains(group, KnownAnswer) {
		sh.Reason = Reason{Code: CodeCanaryWrong, Text: "independent providers agree on another answer than the known one"}
	}
	var wrong []*Attempt
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		compared := slices.Contains(asked.Attempts, a.N)
		switch {
		case compared && slices.Contains(group, a.N):
			m.right(sh, a, label)
		case compared && slices.Contains(unsure, a.N):
			m.unsure(sh, a)
		case compared:
			m.wrong(sh, a, against(sh, group), evidence)
			wrong = append(wrong, a)
		case a.State.Live():
			m.cancel(sh, a, Reason{Code: CodeSuperseded, Text: "the shard was decided without it"})
		}
	}
	for _, a := range wrong {
		m.catch(a.Provider, CodeMismatch)
	}
}

// right pays a result that stands, unless it was paid for already.
func (m *machine) right(sh *Shard, a *Attempt, label string) {
	voted, counted := a.Vote, a.counts()
	a.Vote = false
	if counted && a.Audits > 0 && label != LabelClaimed {
		m.proved(a)
	}
	switch {
	case voted:
	case a.Doubt || a.Flat || label != LabelClaimed || m.j.Spec.Verify.Mode == VerifyQuorum:
		a.Doubt = false
		m.pay(sh, a, label)
	default:
		m.hold(sh, a)
	}
	if s := m.known(a.Provider); counted && a.Trusted && s != nil {
		m.spotted(sh)
	}
}

// against says in words whose results a wrong one was held against.
func against(sh *Shard, group []uint32) string {
	text := fmt.Sprintf("that of %d other providers", len(sh.Group))
	if len(sh.Group) == 1 {
		text = "that of another provider"
	}
	for _, n := range sh.Group {
		if sh.Attempts[n].Trusted {
			text += ", a validator that this node trusts among them"
		}
	}
	if slices.Contains(group, KnownAnswer) {
		text += " and from the known answer"
	}
	return text
}

// unsure ends an attempt that can neither be called right nor wrong: nobody is
// blamed. A validator is paid all the same, others are not.
func (m *machine) unsure(sh *Shard, a *Attempt) {
	if a.Vote {
		a.Vote = false
		return
	}
	if a.State != AttemptFetched {
		return
	}
	if a.Flat {
		m.pay(sh, a, LabelClaimed)
		return
	}
	a.Reason = Reason{Code: CodeInconclusive, Text: "its result can neither be called right nor wrong"}
	a.Blame = BlameInconclusive
	m.set(sh, a, AttemptLost, CodeInconclusive)
	m.settle(sh, a, VerdictInconclusive, "", none(a), a.evidence())
}

// varies is what a person should know who sees a result called wrong by a
// comparator that takes every difference for a fault.
func varies(comparator string) string {
	switch comparator {
	case "", CompareExact:
		return "if the task's output differs from run to run by itself, this blames honest providers: set verify.compare to numeric, text, embedding or image, or make the task draw by its seed"
	case CompareImage:
		return "what is beside the pictures is compared byte by byte: if it differs from run to run by itself, leave it out of the result or choose another verify.compare"
	}
	return ""
}

// wrong ends an attempt outside the agreeing group. One that was paid for in an
// earlier verdict keeps its receipt; what is kept of it now is the evidence.
func (m *machine) wrong(sh *Shard, a *Attempt, others string, evidence []ID) {
	a.Fault, a.Blame = true, BlameProvider
	a.Reason = Reason{
		Code: CodeMismatch,
		Text: "its result differs from " + others,
		Hint: varies(m.j.Spec.Verify.Compare),
	}
	if a.Vote {
		a.Vote, a.Doubt = false, true
	} else {
		a.Doubt = false
		m.set(sh, a, AttemptBad, CodeMismatch)
		m.settle(sh, a, VerdictBad, "", none(a), append(a.evidence(), evidence...))
	}
	s := m.standing(a.Provider)
	s.Faults++
	s.LastFault = m.now
}
