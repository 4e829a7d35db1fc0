package job

import (
	"fmt"

	"infernet.tech/infernet/p2p/wire"
)

// revealed opens a commit. What does not open it is the provider's fault.
func (m *machine) revealed(e Revealed) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	if (a.State == AttemptRevealed || a.State == AttemptFetched) && a.Reveal.Event == e.Event {
		return nil // sent again after a reconnect
	}
	if a.State != AttemptRevealing {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "a reveal is not waited for")
	}
	a.Reveal = Reveal{Event: e.Event, Root: e.Root, Size: e.Size, Nonce: e.Nonce}
	if r, ok := m.checkReveal(a, e); !ok {
		m.fail(sh, a, r, true)
		return nil
	}
	m.drop(revealOf(sh, a))
	m.set(sh, a, AttemptRevealed, "")
	a.Deadline = m.now.Add(m.j.Spec.Timeouts.Fetch)
	m.emit(Fetch{Shard: sh.Index, Attempt: a.N, Wire: a.Wire, Provider: a.Provider, Root: e.Root, Size: e.Size})
	return nil
}

func (m *machine) checkReveal(a *Attempt, e Revealed) (Reason, bool) {
	if e.Size != a.Commit.Size {
		return Reason{Code: CodeWrongSize,
			Text: fmt.Sprintf("it revealed %d bytes and had committed to %d", e.Size, a.Commit.Size)}, false
	}
	c := wire.CommitHash(m.j.ID, e.Shard, a.Wire, a.Provider, e.Root, e.Size, e.Nonce)
	if c != a.Commit.C {
		return Reason{Code: CodeWrongReveal, Text: "its reveal does not open its commit"}, false
	}
	return Reason{}, true
}

// fetched notes that a revealed result is here.
func (m *machine) fetched(e Fetched) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	if a.State == AttemptFetched && a.Reveal.Root == e.Root {
		return nil // fetched again after a restart
	}
	if a.State != AttemptRevealed || a.Reveal.Root != e.Root {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "this content is not waited for")
	}
	if e.Size != a.Reveal.Size {
		m.fail(sh, a, Reason{Code: CodeWrongSize,
			Text: fmt.Sprintf("its result has %d bytes and it had committed to %d", e.Size, a.Reveal.Size)}, true)
		return nil
	}
	m.drop(fetchOf(sh, a))
	m.set(sh, a, AttemptFetched, "")
	a.Deadline = zeroTime
	return nil
}

// attemptFailed ends an attempt the driver could not bring further.
func (m *machine) attemptFailed(e AttemptFailed) error {
	sh, a, err := m.find(e.Shard, e.Attempt)
	if err != nil {
		return err
	}
	if !a.State.Live() {
		return m.refuse(subject(sh.Index, a.N), string(a.State), "it is over already")
	}
	code := e.Code
	if code == "" {
		code = CodeUnreachable
	}
	m.fail(sh, a, Reason{Code: code, Text: e.Text}, e.Fault)
	if code == CodeFunds { // the next provider could not be paid either
		m.end(StateFailed, Reason{Code: code, Text: e.Text, Hint: "infernet wallet balance tells what there is, and what is left of today's ceiling"})
	}
	return nil
}
