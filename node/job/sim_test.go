package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// actor is a provider of the simulated world.
type actor struct {
	name      string
	key       identity.PubKey
	operator  string
	class     string
	slots     uint32
	price     uint64
	behaviour string // see behaviours; "" is honest
	apart     []string
	rank      float64
	track     audit.Track
	credit    uint64
	fresh     bool // quoted as new
	validator bool
	trusted   bool
}

type due struct {
	at time.Time
	ev Event
}

// sim carries effects out for a job in virtual time.
type sim struct {
	t      tb
	j      Job
	now    time.Time
	actors []*actor
	queue  []due
	frozen Job    // a copy of j
	rail   string // "", unknown, refuse: what settlements answer
	out    *strings.Builder
}

func newSim(t tb) *sim {
	return &sim{t: t, now: epoch, out: &strings.Builder{}}
}

func testKey(t tb, n int) identity.PubKey {
	t.Helper()
	k, err := identity.FromSecret([32]byte{31: byte(n + 1)})
	if err != nil {
		t.Fatal(err)
	}
	return k.PubKey()
}

func (s *sim) actor(name string) *actor {
	for _, a := range s.actors {
		if a.name == name {
			return a
		}
	}
	a := &actor{name: name, key: testKey(s.t, len(s.actors)), class: "x", slots: 4, price: 1}
	s.actors = append(s.actors, a)
	return a
}

func (s *sim) by(p identity.PubKey) *actor {
	for _, a := range s.actors {
		if a.key == p {
			return a
		}
	}
	s.t.Fatalf("nobody has the key %s", p)
	return nil
}

func testSpec(replicas, agree uint32, budget uint64) Spec {
	s := Spec{Name: "test", Task: Task{Image: "infernet/llm"}, Inputs: []SpecInput{{Path: "in"}}}
	s.Verify = Verify{Mode: VerifyQuorum, Replicas: replicas, Agree: agree}
	if replicas == 0 {
		s.Verify = Verify{Mode: VerifyNone}
	}
	s.Payment.Max = payments.Amount{Value: budget, Unit: payments.Credits}
	s.Timeouts = Timeouts{Shard: time.Minute, Fetch: time.Minute, Job: 10 * time.Minute}
	s.ApplyDefaults()
	return s
}

// modeSpec is a job of another mode of verification.
func modeSpec(mode string, budget uint64) Spec {
	s := testSpec(0, 0, budget)
	s.Verify = Verify{Mode: mode}
	s.ApplyDefaults()
	return s
}

// withKnown adds inputs with a known answer.
func withKnown(e Submit, n int, probe bool, not ...string) Submit {
	for i := range n {
		e.Inputs = append(e.Inputs, Input{
			CID: fmt.Sprintf("inK%d%v", i, probe), Units: 10, Bytes: 100,
			Known: &Known{Root: fmt.Sprintf("rootK%d%v", i, probe), Size: 50, Probe: probe, Not: not},
		})
	}
	return e
}

func submitEvent(spec Spec, shards int) Submit {
	e := Submit{ID: ID{1}, Secret: ID{2}, Spec: spec, Image: Image{Digest: "sha256:00"}, Now: epoch}
	for i := range shards {
		e.Inputs = append(e.Inputs, Input{CID: fmt.Sprintf("in%d", i), Units: 10, Bytes: 100})
	}
	return e
}

// step applies an event, checks every invariant, and writes what happened.
func (s *sim) step(ev Event) ([]Effect, error) {
	s.t.Helper()
	before := s.j
	// What the step before left was held to its copy then; it must be that still.
	frozen := s.frozen
	if frozen.ID == (ID{}) {
		frozen = jsonCopy(s.t, before)
	}
	next, effects, err := Step(before, ev)
	if !reflect.DeepEqual(bare(before), frozen) {
		s.t.Fatalf("%s changed its input", ev.name())
	}
	if err != nil {
		fmt.Fprintf(s.out, "error: %v\n", err)
		return nil, err
	}
	s.frozen = checkStep(s.t, before, next, ev, effects)
	s.j = next
	seen := len(before.Log)
	for _, l := range next.Log[min(seen, len(next.Log)):] {
		fmt.Fprintf(s.out, "%s\n", s.line(l))
	}
	return effects, nil
}

func (s *sim) line(l Transition) string {
	why := l.Why
	for _, a := range s.actors {
		if why == a.key.Short() {
			why = a.name
		}
	}
	text := fmt.Sprintf("  %s: %s -> %s", l.Subject, orDash(l.From), l.To)
	if why != "" {
		text += " (" + why + ")"
	}
	return text
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// bare is a job without what Step keeps beside it.
func bare(j Job) Job {
	j.index, j.version = nil, 0
	return j
}

func jsonCopy(t tb, j Job) Job {
	t.Helper()
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var back Job
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	return back
}

// quotes is what Match is answered with.
func (s *sim) quotes() Matched {
	e := Matched{Now: s.now}
	for i, a := range s.actors {
		if a.behaviour == "dead" {
			e.Dropped = append(e.Dropped, Dropped{Provider: a.key, Predicate: "offer", Have: "no answer", Want: "a signed offer", Hint: "it must be reachable"})
			continue
		}
		if a.behaviour == "busy" {
			e.Dropped = append(e.Dropped, Dropped{Provider: a.key, Predicate: "quote", Have: "busy", Want: "a quote", Busy: true})
			continue
		}
		if s.dear(a) {
			e.Dropped = append(e.Dropped, Dropped{
				Provider: a.key, Predicate: "price", Rate: payments.Rate{PerUnit: a.price, Unit: payments.Credits},
			})
			continue
		}
		var busy uint32
		for _, sh := range s.j.Shards {
			for _, at := range sh.Attempts {
				if at.Provider == a.key && at.State.Busy() {
					busy++
				}
			}
		}
		if busy >= a.slots {
			e.Dropped = append(e.Dropped, Dropped{Provider: a.key, Predicate: "slots", Have: "0", Want: "1"})
			continue
		}
		e.Candidates = append(e.Candidates, Candidate{
			Provider: a.key, Operator: a.operator, Quote: ID{9, byte(i)}, Class: a.class, Slots: a.slots - busy,
			Rate: payments.Rate{PerUnit: a.price, Unit: payments.Credits}, Expires: s.now.Add(30 * time.Second),
			Apart: a.apart, Rank: a.rank, Track: a.track, Credit: a.credit, New: a.fresh, Validator: a.validator, Trusted: a.trusted,
		})
	}
	return e
}

// dear tells whether a provider asks more for some shard than the job may cost.
func (s *sim) dear(a *actor) bool {
	for _, sh := range s.j.Shards {
		if a.price*sh.Input.Units > s.j.Budget.Value {
			return true
		}
	}
	return false
}

// rootOf is what a provider says the result of a shard is.
func (s *sim) rootOf(a *actor, shard uint32) string {
	truth := fmt.Sprintf("root%d", shard)
	if int(shard) < len(s.j.Shards) {
		truth = strings.Replace(s.j.Shards[shard].Input.CID, "in", "root", 1)
	}
	switch {
	case a.behaviour == "cheat", a.behaviour == "sometimes" && shard%2 == 1:
		return fmt.Sprintf("lie-%s-%d", a.name, shard)
	case a.behaviour == "ring":
		return fmt.Sprintf("lie-ring-%d", shard)
	}
	return truth
}

func nonceOf(a *actor, shard, n uint32) ID { return ID{a.key[0], a.key[1], byte(shard), byte(n), 7} }

// wire is the number of an attempt in documents.
func (s *sim) wire(shard, n uint32) uint32 {
	if !s.exists(shard, n) {
		return n
	}
	return s.j.Shards[shard].Attempts[n].Wire
}

func (s *sim) commitOf(a *actor, shard, n uint32) Committed {
	root, size := s.rootOf(a, shard), uint64(50)
	e := Committed{Shard: shard, Attempt: n, Event: ID{3, a.key[0], a.key[1], byte(shard), byte(n)}, Size: size, Units: 10,
		C: wire.CommitHash(s.j.ID, shard, s.wire(shard, n), a.key, root, size, nonceOf(a, shard, n))}
	if a.behaviour == "copy" {
		for _, at := range s.j.Shards[shard].Attempts {
			if at.N != n && at.Commit.C != (ID{}) {
				e.C = at.Commit.C
			}
		}
	}
	return e
}

func (s *sim) revealOf(a *actor, shard, n uint32) Revealed {
	e := Revealed{Shard: shard, Attempt: n, Event: ID{4, a.key[0], a.key[1], byte(shard), byte(n)},
		Root: s.rootOf(a, shard), Size: 50, Nonce: nonceOf(a, shard, n)}
	switch a.behaviour {
	case "wrong-reveal":
		e.Root = "other"
	case "wrong-size":
		e.Size = 51
	}
	return e
}

// perform queues what comes of an effect.
func (s *sim) perform(e Effect) {
	after := func(d time.Duration, ev Event) { s.queue = append(s.queue, due{s.now.Add(d), ev}) }
	const quick = 100 * time.Millisecond
	switch e := e.(type) {
	case Match:
		after(quick, s.quotes())
	case Dispatch:
		s.performDispatch(e, after)
	case RequestReveal:
		if a := s.by(e.Provider); a.behaviour != "no-reveal" && a.behaviour != "dead" {
			after(quick, s.revealOf(a, e.Shard, e.Attempt))
		}
	case Fetch:
		after(quick, Fetched{Shard: e.Shard, Attempt: e.Attempt, Root: e.Root, Size: e.Size})
	case Compare:
		after(quick, s.compare(e))
	case Audit:
		answer := AnswerMatch
		if strings.HasPrefix(e.Root, "lie") {
			answer = AnswerMismatch
		}
		if s.by(e.Provider).behaviour == "vague" {
			answer = AnswerInconclusive
		}
		after(quick, Audited{Shard: e.Shard, Attempt: e.Attempt, Try: e.Try, Answer: answer})
	case Settle:
		switch s.rail {
		case "unknown":
			after(quick, SettleFailed{Shard: e.Shard, Attempt: e.Attempt, Certain: Unknown, Code: "unreachable"})
		case "refuse":
			after(quick, SettleFailed{Shard: e.Shard, Attempt: e.Attempt, Certain: NotCharged, Code: "over_limit"})
		default:
			after(quick, Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: e.Key(), Receipt: ID{5}})
		}
	case Merge:
		after(quick, Merged{CID: "merged", Size: 10})
	case Abort, Finish:
		after(quick, Acked{Key: e.Key()})
	}
}

func (s *sim) performDispatch(e Dispatch, after func(time.Duration, Event)) {
	const quick = 100 * time.Millisecond
	a := s.by(e.Provider)
	switch a.behaviour {
	case "dead":
		after(quick, AttemptFailed{Shard: e.Shard, Attempt: e.Attempt, Code: CodeUnreachable, Fault: true})
		return
	case "refuse":
		after(quick, AttemptFailed{Shard: e.Shard, Attempt: e.Attempt, Code: CodeRefused, Text: "busy"})
		return
	case "silent":
		return
	}
	after(quick, Progressed{Shard: e.Shard, Attempt: e.Attempt, State: "accepted"})
	after(2*quick, Progressed{Shard: e.Shard, Attempt: e.Attempt, State: "running"})
	switch a.behaviour {
	case "slow":
		after(50*time.Second, s.commitOf(a, e.Shard, e.Attempt))
	case "task":
		after(time.Second, AttemptFailed{Shard: e.Shard, Attempt: e.Attempt, Code: CodeTask, Text: "exit code 1"})
	case "copy":
		after(2*time.Second, Committed{Shard: e.Shard, Attempt: e.Attempt}) // made when it is due
	default:
		after(time.Second, s.commitOf(a, e.Shard, e.Attempt))
	}
}

// compare groups by roots; what is vague can be called neither equal nor different.
func (s *sim) compare(e Compare) Compared {
	out := Compared{Shard: e.Shard}
	var attempts []uint32
	var roots []string
	for i, n := range e.Attempts {
		if n != KnownAnswer && s.by(s.j.Shards[e.Shard].Attempts[n].Provider).behaviour == "vague" {
			out.Unsure = append(out.Unsure, n)
			continue
		}
		attempts, roots = append(attempts, n), append(roots, e.Roots[i])
	}
	out.Groups = groupsOf(attempts, roots)
	return out
}

// run carries everything out, with a tick a second, until the job is over or
// the time is up.
func (s *sim) run(limit time.Duration) {
	s.t.Helper()
	end := s.now.Add(limit)
	for _, e := range s.j.Pending() {
		s.perform(e)
	}
	for s.now.Before(end) && !(s.j.State.Terminal() && len(s.queue) == 0) {
		next, at := -1, s.now.Add(time.Second)
		for i, d := range s.queue {
			if d.at.Before(at) {
				next, at = i, d.at
			}
		}
		s.now = at
		var ev Event = Tick{Now: at}
		if next >= 0 {
			ev = s.stamped(s.queue[next].ev)
			s.queue = slices.Delete(s.queue, next, next+1)
		}
		effects, _ := s.step(ev)
		for _, e := range effects {
			s.perform(e)
		}
	}
}

// stamped gives an event the present time.
func (s *sim) stamped(ev Event) Event {
	if c, ok := ev.(Committed); ok && c.C == (ID{}) {
		at := s.j.Shards[c.Shard].Attempts[c.Attempt]
		ev = s.commitOf(s.by(at.Provider), c.Shard, c.Attempt)
	}
	v := reflect.New(reflect.TypeOf(ev)).Elem()
	v.Set(reflect.ValueOf(ev))
	v.FieldByName("Now").Set(reflect.ValueOf(s.now))
	return v.Interface().(Event)
}
