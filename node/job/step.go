package job

import (
	"fmt"
	"time"
)

// Step is the machine. It applies one event to a job and returns the job that
// follows and the effects that are new (or due again). The job passed in is not
// changed. An event that cannot happen is a *TransitionError and changes
// nothing; it is how a stranger's bad or late message ends, so that the caller
// logs it and goes on.
//
// Write the returned job before carrying out the effects.
func Step(j Job, ev Event) (Job, []Effect, error) {
	if ev == nil {
		return j, nil, &TransitionError{Event: "nothing", Subject: "job", State: string(j.State), Text: "no event"}
	}
	m := &machine{j: j.clone(), now: ev.at().UTC().Round(0), event: ev.name()}
	if m.now.Before(j.Updated) {
		m.now = j.Updated // clocks step back; a job's time does not
	}
	if err := m.apply(ev); err != nil {
		return j, nil, err
	}
	m.advance()
	m.j.Updated = m.now
	return m.j, m.effects(), nil
}

// machine is one step under way.
type machine struct {
	j     Job
	now   time.Time
	event string
	out   []Effect
	busy  map[string]uint32 // attempts that hold a slot, by provider; see countBusy
}

func (m *machine) apply(ev Event) error {
	switch {
	case m.j.State == StateNone:
		return m.applyNone(ev)
	case m.j.State.Terminal():
		return m.applyTerminal(ev)
	}
	return m.applyOpen(ev)
}

func (m *machine) applyNone(ev Event) error {
	if e, ok := ev.(Submit); ok {
		return m.submit(e)
	}
	return m.refuse("job", string(m.j.State), "nothing was submitted")
}

// applyTerminal keeps the books of a job that is over: verdicts still on their
// way and acknowledgements. Nothing here starts anything.
func (m *machine) applyTerminal(ev Event) error {
	switch e := ev.(type) {
	case Tick, Resumed:
		return nil
	case Acked:
		return m.acked(e)
	case Settled:
		return m.settled(e)
	case SettleFailed:
		return m.settleFailed(e)
	}
	return m.refuse("job", string(m.j.State), "the job is over")
}

func (m *machine) applyOpen(ev Event) error {
	switch e := ev.(type) {
	case Matched:
		return m.matched(e)
	case Progressed:
		return m.progressed(e)
	case Committed:
		return m.committed(e)
	case Revealed:
		return m.revealed(e)
	case Fetched:
		return m.fetched(e)
	case AttemptFailed:
		return m.attemptFailed(e)
	case Compared:
		return m.compared(e)
	case Settled:
		return m.settled(e)
	case SettleFailed:
		return m.settleFailed(e)
	case Merged:
		return m.merged(e)
	case MergeFailed:
		return m.mergeFailed(e)
	case Tick:
		m.tick()
		return nil
	case Resumed:
		m.resumed()
		return nil
	case CancelRequested:
		m.end(StateCancelled, Reason{Code: CodeCancelled, Text: e.Reason})
		return nil
	case Acked:
		return m.acked(e)
	}
	return m.refuse("job", string(m.j.State), "a job is submitted once")
}

// advance does everything that follows from the state the event left.
func (m *machine) advance() {
	if m.j.State.Terminal() {
		return
	}
	for i := range m.j.Shards {
		m.openRound(m.j.Shards[i])
		m.askCompare(m.j.Shards[i])
	}
	m.dispatch()
	m.windDown()
	for i := range m.j.Shards {
		m.deriveShard(m.j.Shards[i])
	}
	m.deriveJob()
}

// effects returns what was emitted in this step and is still wanted at its end.
func (m *machine) effects() []Effect {
	var out []Effect
	for _, e := range m.out {
		if m.pending(e.Key()) != nil {
			out = append(out, e)
		}
	}
	return out
}

func (m *machine) emit(e Effect) {
	m.j.Outbox = append(m.j.Outbox, e)
	m.out = append(m.out, e)
}

// pending returns the effect with this key, or nil.
func (m *machine) pending(key string) Effect {
	for _, e := range m.j.Outbox {
		if e.Key() == key {
			return e
		}
	}
	return nil
}

// complete takes effects out of the outbox and reports whether one was there.
func (m *machine) complete(keys ...string) bool {
	return m.drop(func(e Effect) bool {
		for _, k := range keys {
			if e.Key() == k {
				return true
			}
		}
		return false
	})
}

func (m *machine) drop(match func(Effect) bool) bool {
	var kept Outbox
	for _, e := range m.j.Outbox {
		if !match(e) {
			kept = append(kept, e)
		}
	}
	found := len(kept) != len(m.j.Outbox)
	m.j.Outbox = kept
	return found
}

func (m *machine) acked(e Acked) error {
	switch m.pending(e.Key).(type) {
	case Abort, Finish:
		m.complete(e.Key)
		return nil
	}
	return m.refuse("job", string(m.j.State), "no such effect waits to be acknowledged")
}

func (m *machine) refuse(subject, state, text string) error {
	return &TransitionError{Event: m.event, Subject: subject, State: state, Text: text}
}

// find returns the shard and the attempt a stranger's message speaks of.
func (m *machine) find(shard, attempt uint32) (*Shard, *Attempt, error) {
	if uint64(shard) >= uint64(len(m.j.Shards)) {
		return nil, nil, m.refuse(fmt.Sprintf("shard %d", shard), "", "there is no such shard")
	}
	sh := m.j.Shards[shard]
	if uint64(attempt) >= uint64(len(sh.Attempts)) {
		return nil, nil, m.refuse(subject(shard, attempt), "", "there is no such attempt")
	}
	return sh, &sh.Attempts[attempt], nil
}

func (m *machine) log(subject, from, to, why string) {
	m.j.Log = append(m.j.Log, Transition{At: m.now, Subject: subject, From: from, To: to, Why: why})
	if over := len(m.j.Log) - MaxLog; over > 0 {
		m.j.Log = append([]Transition(nil), m.j.Log[over:]...)
	}
}

func subject(shard, attempt uint32) string { return fmt.Sprintf("attempt %d/%d", shard, attempt) }
