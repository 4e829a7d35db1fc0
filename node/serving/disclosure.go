package serving

import (
	"fmt"
	"net/http"
	"strconv"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Bounds of what is kept of a lease's lottery: answers whose hashes are
// remembered, and the documents that can tell of them.
const (
	maxAnswers     = 1024
	maxDisclosures = maxAnswers/wire.MaxDrawn + 1
)

// answers are hashes of whole answers by their requests' numbers. They are in
// memory alone: what a restart forgets cannot be checked, and is not held
// against the client.
type answers map[uint32]wire.Hash

// answered remembers an answer of a lease.
func (t *tenant) answered(l *lease, number uint32, name wire.Hash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.answers == nil {
		l.answers = answers{}
	}
	if len(l.answers) < maxAnswers {
		l.answers[number] = name
	}
}

// numberOf is the number that a client gives its request.
func numberOf(h http.Header) (uint32, bool) {
	n, err := strconv.ParseUint(h.Get(HeaderNumber), 10, 32)
	return uint32(n), err == nil
}

// disclosed takes in how the audits of a lease that is over were drawn, holds
// it against what was promised and keeps it.
func (s *Server) disclosed(t *tenant, w wire.Window, ev wire.Event) (wire.Event, error) {
	m, err := wire.Decode[wire.Disclosure](ev)
	if err != nil {
		return wire.Event{}, refuse(CodeMalformed, "disclosure: %v", err)
	}
	l, ok := t.lease(w.Job)
	switch {
	case !ok || m.Job != w.Job:
		return wire.Event{}, refuse(CodeUnknown, "no such lease here")
	case ev.PubKey != t.peer || m.Provider != s.Key.PubKey():
		return wire.Event{}, refuse(CodeMismatch, "the disclosure names other parties")
	}
	t.mu.Lock()
	ended, known := l.sum.Ended, l.answers
	t.mu.Unlock()
	if !ended {
		return wire.Event{}, refuse(CodeMismatch, "the lease has not ended")
	}
	if fault, why := promise(l, m, known); fault != "" {
		s.Log.Warn("a client broke its word about audits", "peer", t.peer.Short(), "lease", m.Job.Short(), "fault", fault, "why", why)
		if s.Betrayed != nil {
			s.Betrayed(fault, l.sum.Terms, ev)
		}
		return wire.Event{}, refuse(CodeMismatch, "%s", why)
	}
	if err := s.keepShown(t, m, ev); err != nil {
		return wire.Event{}, err
	}
	return wire.Seal(s.Key, wire.Progress{Job: m.Job, Shard: w.Seq, State: wire.StateAccepted}, s.Now())
}

// Faults of a disclosure. Only the first is proven to others by the two
// documents: the answers' hashes are signed by nobody.
const (
	FaultSecret  = "false_secret"   // the secret is not the one whose hash was in the Lease
	FaultPromise = "broken_promise" // rates below what was promised, or another draw
)

// promise holds a disclosure against the lease.
func promise(l *lease, m wire.Disclosure, known answers) (fault, why string) {
	if l.terms.AuditCommit.IsZero() || wire.SecretHash(m.Secret) != wire.Hash(l.terms.AuditCommit) {
		return FaultSecret, "the secret is not the one of the lease"
	}
	if m.AuditMin != l.terms.AuditMin {
		return FaultPromise, fmt.Sprintf("%d ppm were promised, not %d", l.terms.AuditMin, m.AuditMin)
	}
	for _, row := range m.Rows {
		if row.RatePPM < m.AuditMin {
			return FaultPromise, fmt.Sprintf("request %d: drawn at %d ppm", row.Shard, row.RatePPM)
		}
		if c, ok := known[row.Shard]; ok && !m.Replay(row, c) {
			return FaultPromise, fmt.Sprintf("request %d: the secret draws something else", row.Shard)
		}
	}
	return "", ""
}

func (s *Server) keepShown(t *tenant, m wire.Disclosure, ev wire.Event) error {
	first := uint32(0)
	if len(m.Rows) > 0 {
		first = m.Rows[0].Shard
	}
	key := fmt.Appendf(nil, "%s%s/%s/%08x", shownPrefix, t.peer.Hex(), m.Job, first)
	return s.Store.Update(func(tx store.Txn) error { return tx.Set(key, ev.Bytes()) })
}
