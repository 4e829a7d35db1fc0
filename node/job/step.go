package job

import (
	"fmt"
	"slices"
	"strconv"
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
	x, owned := j.claim()
	m := &machine{j: j, x: x, ownLog: owned, ownOutbox: owned, now: ev.at().UTC().Round(0), event: ev.name()}
	if m.now.Before(j.Updated) {
		m.now = j.Updated // clocks step back; a job's time does not
	}
	if err := m.apply(ev); err != nil {
		if owned {
			x.version.Store(j.version) // nothing was counted yet
		}
		return j, nil, err
	}
	m.advance()
	m.refresh()
	m.j.Updated = m.now
	m.x.yield(&m.j)
	return m.j, m.effects(), nil
}

// machine is one step under way.
type machine struct {
	j     Job
	x     *index
	now   time.Time
	event string
	out   []Effect

	base         []*Shard // as they were; nil while none was touched
	touched      []uint32 // shards that this step has copied
	ownProviders bool     // whether these may be written to
	ownOutbox    bool
	ownLog       bool
	due          bool // something may be offered that could not be before
	opts         []option
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
	case Audited:
		return m.audited(e)
	case Settled:
		return m.settled(e)
	case SettleFailed:
		return m.settleFailed(e)
	case Merged:
		return m.merged(e)
	case MergeFailed:
		return m.mergeFailed(e)
	case Tick:
		m.tick(e)
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

// advance does everything that follows from the state the event left. Only the
// shards that were touched can have come further.
func (m *machine) advance() {
	if m.j.State.Terminal() {
		return
	}
	for k := 0; k < len(m.touched); k++ {
		sh := m.j.Shards[m.touched[k]]
		m.openRound(sh)
		m.askResult(sh)
	}
	m.refresh()
	if m.due {
		m.dispatch()
	}
	m.windDown()
	m.refresh()
	m.releaseAll()
	for k := 0; k < len(m.touched); k++ {
		m.deriveShard(m.j.Shards[m.touched[k]])
	}
	m.refresh()
	m.deriveJob()
}

// refresh counts the touched shards as they are now.
func (m *machine) refresh() {
	for _, i := range m.touched {
		if m.x.refresh(m.j.Shards[i]) {
			m.due = true
		}
	}
}

func (m *machine) acked(e Acked) error {
	done := func(o Effect) bool {
		switch o.(type) {
		case Abort, Finish:
			return o.Key() == e.Key
		}
		return false
	}
	if m.drop(done) {
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
	if uint64(attempt) >= uint64(len(m.j.Shards[shard].Attempts)) {
		return nil, nil, m.refuse(subject(shard, attempt), "", "there is no such attempt")
	}
	sh := m.own(shard)
	return sh, &sh.Attempts[attempt], nil
}

func (m *machine) log(subject, from, to, why string) {
	// Jobs that follow each other share their log: each sees as much of it as it had.
	if !m.ownLog {
		m.j.Log, m.ownLog = slices.Clone(m.j.Log), true
	}
	m.j.Log = append(m.j.Log, Transition{At: m.now, Subject: subject, From: from, To: to, Why: why})
	if over := len(m.j.Log) - MaxLog; over > 0 {
		m.j.Log = m.j.Log[over:]
	}
}

func subject(shard, attempt uint32) string {
	return "attempt " + strconv.FormatUint(uint64(shard), 10) + "/" + strconv.FormatUint(uint64(attempt), 10)
}
