package job

import (
	"crypto/sha256"
	"fmt"

	"infernet.tech/infernet/payments"
)

// submit makes the job.
func (m *machine) submit(e Submit) error {
	if err := checkSubmit(e); err != "" {
		return m.refuse("job", string(m.j.State), err)
	}
	s := e.Spec
	// Empty lists become none, as they will when the job is read back.
	s.Task.Args = append([]string(nil), s.Task.Args...)
	s.Task.Env = append([][2]string(nil), s.Task.Env...)
	s.Inputs = append([]SpecInput(nil), s.Inputs...)
	none := payments.Amount{Unit: s.Payment.Max.Unit}
	m.j = Job{
		ID: e.ID, Name: s.Name, Client: e.Client, Spec: s,
		Secret: e.Secret, AuditCommit: sha256.Sum256(e.Secret[:]),
		Image: e.Image, Model: e.Model,
		Budget: s.Payment.Max, Spent: none, Reserved: none,
		Created: m.now, Deadline: m.now.Add(s.Timeouts.Job),
	}
	for i, in := range e.Inputs {
		m.j.Shards = append(m.j.Shards, &Shard{
			Index: uint32(i), Input: in, State: ShardQueued, Wanted: s.Verify.Replicas,
		})
	}
	m.setJob(StateSubmitted, "")
	m.setJob(StateMatching, "")
	m.askMatch()
	return nil
}

func checkSubmit(e Submit) string {
	switch {
	case e.ID == ID{} || e.Secret == ID{}:
		return "a job needs an id and a secret"
	case len(e.Inputs) == 0:
		return "a job needs an input"
	case len(e.Inputs) > MaxShards:
		return fmt.Sprintf("%d shards, at most %d are possible", len(e.Inputs), MaxShards)
	}
	if err := e.Spec.Validate(); err != nil {
		return err.Error()
	}
	return ""
}

// askMatch asks for candidates unless it already did or must wait.
func (m *machine) askMatch() {
	for _, e := range m.j.Outbox {
		if _, ok := e.(Match); ok {
			return
		}
	}
	if m.now.Before(m.j.NextMatch) {
		return
	}
	m.j.Rounds++
	e := Match{Round: m.j.Rounds}
	for _, s := range m.j.Providers {
		if s.Excluded {
			e.Exclude = append(e.Exclude, s.Provider)
		}
	}
	m.emit(e)
}

// matched takes new quotes in. A provider that was not named again keeps its old
// quote until that runs out.
func (m *machine) matched(e Matched) error {
	if !m.drop(func(e Effect) bool { _, ok := e.(Match); return ok }) {
		return m.refuse("job", string(m.j.State), "no candidates were asked for")
	}
	m.countBusy()
	var fresh []Candidate
	seen := map[string]bool{}
	for _, c := range e.Candidates {
		if key := c.Provider.Hex(); !c.Provider.IsZero() && !seen[key] {
			seen[key] = true
			c.Expires = c.Expires.UTC().Round(0)
			c.Slots = uint32(min(uint64(c.Slots)+uint64(m.busy[key]), 1<<31))
			fresh = append(fresh, c)
		}
	}
	for _, c := range m.j.Candidates {
		if !seen[c.Provider.Hex()] && !m.stale(c) {
			fresh = append(fresh, c)
		}
	}
	m.j.Candidates = fresh
	m.j.Dropped = append([]Dropped(nil), e.Dropped...)
	m.countStarved()
	return nil
}

// countStarved notes which shards the answer did not help, and when to ask again.
func (m *machine) countStarved() {
	quiet := len(m.busy) == 0 // a provider busy with this very job may be free soon
	for _, d := range m.j.Dropped {
		quiet = quiet && d.Predicate != "slots"
	}
	starving := false
	for i := range m.j.Shards {
		sh := m.j.Shards[i]
		if sh.decided() {
			continue
		}
		live, _ := sh.live()
		if live >= int(sh.Wanted) || len(m.eligible(sh)) > 0 {
			sh.Starved = 0
			continue
		}
		starving = true
		if quiet && !m.j.Started.IsZero() {
			sh.Starved++
		}
	}
	if !starving {
		m.j.Starved, m.j.NextMatch = 0, zeroTime
		return
	}
	m.j.Starved = min(m.j.Starved+1, 1<<16)
	m.j.NextMatch = m.now.Add(backoff(m.j.Starved))
}

// stale reports whether a quote can no longer be accepted.
func (m *machine) stale(c Candidate) bool {
	return !c.Expires.IsZero() && !m.now.Add(quoteMargin).Before(c.Expires)
}

// countBusy counts the slots this job holds, by provider.
func (m *machine) countBusy() {
	m.busy = map[string]uint32{}
	for i := range m.j.Shards {
		for _, a := range m.j.Shards[i].Attempts {
			if a.State.Busy() {
				m.busy[a.Provider.Hex()]++
			}
		}
	}
}
