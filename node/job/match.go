package job

import (
	"crypto/sha256"
	"fmt"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
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
	s.Verify.Validators = append([]identity.PubKey(nil), s.Verify.Validators...)
	none := payments.Amount{Unit: s.Payment.Max.Unit}
	m.j = Job{
		ID: e.ID, Name: s.Name, Client: e.Client, Fee: e.Fee, Spec: s,
		Secret: e.Secret, AuditCommit: sha256.Sum256(e.Secret[:]), ProbePPM: min(e.ProbePPM, audit.All),
		Image: e.Image, Model: e.Model,
		Budget: s.Payment.Max, Spent: none, Reserved: none,
		Created: m.now, Deadline: m.now.Add(s.Timeouts.Job),
	}
	if m.j.ProbePPM == 0 {
		m.j.ProbePPM = defaultProbePPM
	}
	for i, in := range places(e.Secret, e.Inputs) {
		wanted := s.Verify.Replicas
		if in.Known != nil {
			wanted = 1 // what it is compared with is there
		}
		m.j.Shards = append(m.j.Shards, &Shard{Index: uint32(i), Input: in, State: ShardQueued, Wanted: wanted})
	}
	m.x = newIndex(&m.j)
	m.setJob(StateSubmitted, "")
	m.setJob(StateMatching, "")
	m.askMatch()
	return nil
}

func checkSubmit(e Submit) string {
	known := 0
	for _, in := range e.Inputs {
		if in.Known != nil {
			known++
			if in.Known.Root == "" || len(in.Known.Not) > maxKnownNot {
				return "a known answer has a root, and a bounded number of those who saw it"
			}
		}
	}
	switch real := len(e.Inputs) - known; {
	case e.ID == ID{} || e.Secret == ID{}:
		return "a job needs an id and a secret"
	case real == 0:
		return "a job needs an input"
	case real > MaxShards:
		return fmt.Sprintf("%d shards, at most %d are possible", real, MaxShards)
	case known > MaxKnown:
		return fmt.Sprintf("%d known answers, at most %d are possible", known, MaxKnown)
	}
	if err := e.Spec.Validate(); err != nil {
		return err.Error()
	}
	return ""
}

// askMatch asks for candidates unless it already did or must wait.
func (m *machine) askMatch() {
	if m.now.Before(m.j.NextMatch) || m.pending(isMatch) != nil {
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
	if !m.drop(isMatch) {
		return m.refuse("job", string(m.j.State), "no candidates were asked for")
	}
	// One provider may be asked for both, as a provider and as a validator.
	type role struct {
		p         identity.PubKey
		validator bool
	}
	fresh := make([]Candidate, 0, len(e.Candidates)+len(m.j.Candidates))
	seen := make(map[role]bool, len(e.Candidates))
	for _, c := range e.Candidates {
		key := role{c.Provider, c.Validator}
		if c.Provider.IsZero() || seen[key] {
			continue
		}
		seen[key] = true
		c.Expires = c.Expires.UTC().Round(0)
		c.Rank, c.Score = finite(c.Rank), finite(c.Score)
		c.Apart = append([]string(nil), c.Apart[:min(len(c.Apart), maxApart)]...)
		c.Slots = uint32(min(uint64(c.Slots)+uint64(m.x.tally(c.Provider).busy), 1<<31))
		m.quoted(&c)
		fresh = append(fresh, c)
	}
	for _, c := range m.j.Candidates {
		if !seen[role{c.Provider, c.Validator}] && !m.stale(c) {
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		fresh = nil
	}
	m.j.Candidates, m.opts, m.due = fresh, nil, true
	m.j.Dropped = append([]Dropped(nil), e.Dropped...)
	m.countStarved()
	return nil
}

// countStarved notes which shards the answer did not help, and when to ask again.
func (m *machine) countStarved() {
	quiet := m.x.inFlight == 0 // a provider busy with this very job may be free soon
	for _, d := range m.j.Dropped {
		quiet = quiet && d.Predicate != "slots"
	}
	starving, alike := false, map[uint64]bool{}
	count := func(i int) {
		sh := m.j.Shards[i]
		plain := len(sh.Attempts) == 0 && sh.Input.Known == nil
		helped, seen := alike[sh.Input.Units]
		if !plain || !seen {
			helped = len(m.eligible(sh)) > 0
			if plain {
				alike[sh.Input.Units] = helped
			}
		}
		starving = starving || !helped
		switch {
		case helped && sh.Starved > 0:
			m.own(uint32(i)).Starved = 0
		case !helped && quiet && !m.j.Started.IsZero():
			m.own(uint32(i)).Starved++
		}
	}
	for i := m.x.hungry.next(0); i >= 0; i = m.x.hungry.next(i + 1) {
		count(i)
	}
	for i := m.x.fresh.next(0); i >= 0; i = m.x.fresh.next(i + 1) {
		count(i)
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
