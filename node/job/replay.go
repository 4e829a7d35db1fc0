package job

import (
	"fmt"
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// askReplay believes a result that the lottery left alone, and has the others
// replayed until the answers are sure enough.
func (m *machine) askReplay(sh *Shard, a *Attempt) {
	if !a.Audited && !a.Recheck {
		m.believe(sh, a)
		return
	}
	if m.pending(auditOf(sh, a)) != nil {
		return
	}
	switch verdict, over := a.replayed(); {
	case over && verdict == AnswerMatch:
		m.replayedRight(sh, a)
	case over && verdict == AnswerMismatch:
		m.replayedWrong(sh, a)
	case over && a.Recheck:
		// Nobody can tell, and its provider has been caught: somebody else does it.
		m.unsure(sh, a)
		m.due = true
	case over:
		m.believe(sh, a)
	default:
		m.emit(Audit{
			Shard: sh.Index, Attempt: a.N, Try: uint32(len(a.Answers)) + 1, Wire: a.Wire,
			Provider: a.Provider, Root: a.Reveal.Root, Size: a.Reveal.Size, Not: m.notAuditors(a),
		})
	}
}

// replayed reads the answers: the first match is enough, a mismatch needs a
// second one, and a third decides between the two.
func (a *Attempt) replayed() (verdict string, over bool) {
	var yes, no int
	for _, x := range a.Answers {
		switch x.Answer {
		case AnswerMatch:
			yes++
		case AnswerMismatch:
			no++
		}
	}
	switch {
	case no >= 2:
		return AnswerMismatch, true
	case yes >= 2 || (yes == 1 && no == 0):
		return AnswerMatch, true
	}
	return AnswerInconclusive, len(a.Answers) >= maxReplays
}

// notAuditors are those whose replay of a result would say nothing.
func (m *machine) notAuditors(a *Attempt) []identity.PubKey {
	not := []identity.PubKey{a.Provider}
	for _, x := range a.Answers {
		if !x.By.IsZero() {
			not = append(not, x.By)
		}
	}
	for i := range m.j.Providers {
		if s := &m.j.Providers[i]; s.Caught && s.Provider != a.Provider {
			not = append(not, s.Provider)
		}
	}
	return not
}

// audited takes the answer of one replay.
func (m *machine) audited(e Audited) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	asked, ok := m.pending(auditOf(sh, a)).(Audit)
	if !ok || asked.Try != e.Try {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "no such replay was asked for")
	}
	switch e.Answer {
	case AnswerMatch, AnswerMismatch, AnswerInconclusive:
	default:
		return m.refuse(subject(sh.Index, a.N), string(a.State), fmt.Sprintf("%.40q is no answer", e.Answer))
	}
	m.drop(auditOf(sh, a))
	a.Answers = append(a.Answers[:len(a.Answers):len(a.Answers)], Answer{Answer: e.Answer, By: e.By, Score: finite(e.Score), Why: cut(e.Why)})
	if e.Answer != AnswerInconclusive {
		a.Audits++
	}
	m.log(subject(sh.Index, a.N), string(a.State), string(a.State), strings.TrimSuffix(fmt.Sprintf("replay %d: %s: %s", e.Try, e.Answer, cut(e.Why)), ": "))
	return nil
}

// finite makes a score fit for JSON.
func finite(x float64) float64 {
	if x-x != 0 {
		return 0
	}
	return x
}

func (m *machine) replayedRight(sh *Shard, a *Attempt) {
	sh.Group = []uint32{a.N}
	a.Recheck = false
	m.decide(sh, a, LabelAudited)
	m.proved(a)
	m.pay(sh, a, LabelAudited)
}

// replayedWrong leaves the shard to somebody else.
func (m *machine) replayedWrong(sh *Shard, a *Attempt) {
	a.Fault, a.Blame, a.Recheck = true, BlameProvider, false
	a.Reason = Reason{Code: CodeMismatch, Text: "its answer is not what the model says, by the replays of two others"}
	if why := a.Answers[len(a.Answers)-1].Why; why != "" {
		a.Reason.Text += ": " + why
	}
	m.set(sh, a, AttemptBad, CodeMismatch)
	m.settle(sh, a, VerdictBad, "", none(a), a.evidence())
	s := m.standing(a.Provider)
	s.Faults++
	s.LastFault = m.now
	m.due = true
	m.catch(a.Provider, CodeMismatch)
}
