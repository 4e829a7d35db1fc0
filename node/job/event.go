package job

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Event is something that happened outside the machine. Every event carries the
// time it happened at: the machine has no clock.
type Event interface {
	at() time.Time
	name() string
}

// Submit makes a job out of the zero Job. Inputs become its shards in order.
type Submit struct {
	ID     ID
	Client identity.PubKey // zero when this node asks for itself
	Spec   Spec
	Secret ID // random, kept private until the end
	Image  Image
	Model  Model
	Inputs []Input
	Fee    payments.Amount // what Client pays for having it driven, beside what is spent
	// ProbePPM is how often a stranger's validator is probed beside what it is
	// asked for, in ppm; 0: one time in twenty.
	ProbePPM uint32
	Now      time.Time
}

// Matched answers Match. Slots of a candidate are the free slots it quoted.
type Matched struct {
	Candidates []Candidate
	Dropped    []Dropped
	Now        time.Time
}

// Audited answers Audit: what a replay said of a result. Try is that of the
// effect, By who replayed it (zero: the own engine, or not told), Evidence are
// CIDs and document ids.
type Audited struct {
	Shard, Attempt, Try uint32
	By                  identity.PubKey
	Answer              string // AnswerMatch, AnswerMismatch or AnswerInconclusive
	Score               float64
	Why                 string
	Evidence            []string
	Now                 time.Time
}

// Answers of a comparison.
const (
	AnswerMatch        = "match"
	AnswerMismatch     = "mismatch"
	AnswerInconclusive = "inconclusive" // punishes nobody
)

// ProgressFunding is the State of Progressed while this node still sets the money
// for an attempt aside. No provider reports it.
const ProgressFunding = "funding"

// Progressed is a provider's report. State is accepted, fetching or running.
type Progressed struct {
	Shard, Attempt uint32
	State          string
	Now            time.Time
}

// Committed is a provider's commit; Event is the id of the signed document, C the hash.
type Committed struct {
	Shard, Attempt uint32
	Event          ID
	C              ID
	Size, Units    uint64
	Now            time.Time
}

// Revealed is a provider's reveal; Event is the id of the signed document.
// The machine checks it against the commit.
type Revealed struct {
	Shard, Attempt uint32
	Event          ID
	Root           string
	Size           uint64
	Nonce          ID
	Now            time.Time
}

// Fetched says that the revealed bytes are here and hash to Root. Size is what was measured.
type Fetched struct {
	Shard, Attempt uint32
	Root           string
	Size           uint64
	Now            time.Time
}

// AttemptFailed says that an attempt brings nothing. Fault marks it the provider's fault.
type AttemptFailed struct {
	Shard, Attempt uint32
	Code           string // see the Code constants
	Text           string
	Fault          bool
	Now            time.Time
}

// Compared answers Compare: the attempts equal to each other, group by group.
// An attempt in no group stands alone. Unsure are those that can neither be
// called equal to the biggest group nor different from it: they have no say and
// are not blamed. Inconclusive says so of all of them.
type Compared struct {
	Shard        uint32
	Groups       [][]uint32
	Unsure       []uint32
	Inconclusive bool
	Why          string
	Now          time.Time
}

// Settled answers Settle: verdict and payment are certain.
type Settled struct {
	Shard, Attempt uint32
	PayRef         string
	Receipt        ID
	Now            time.Time
}

// Certainty of a failed settlement.
const (
	NotCharged = "not_charged" // the money certainly did not move
	Unknown    = "unknown"     // it may have moved; the same reference is tried again
)

// SettleFailed says that a settlement did not end well. Certain is NotCharged or Unknown.
type SettleFailed struct {
	Shard, Attempt uint32
	Certain        string
	Code, Text     string
	Now            time.Time
}

// Merged answers Merge.
type Merged struct {
	CID  string
	Size uint64
	Now  time.Time
}

// MergeFailed says that the result could not be put together.
type MergeFailed struct {
	Text string
	Now  time.Time
}

// Tick is the passing of time; send one every second or so. Offline says that
// this node has lost its own network: nothing is late then.
type Tick struct {
	Offline bool
	Now     time.Time
}

// Resumed is sent once after a restart, before the outbox is replayed: deadlines
// of attempts move by the time this node was away.
type Resumed struct{ Now time.Time }

// CancelRequested ends the job on somebody's wish.
type CancelRequested struct {
	Reason string
	Now    time.Time
}

// Acked says that the effect with this key was carried out. Only Abort and
// Finish need it: the others are completed by their own events.
type Acked struct {
	Key string
	Now time.Time
}

func (e Submit) at() time.Time          { return e.Now }
func (e Matched) at() time.Time         { return e.Now }
func (e Progressed) at() time.Time      { return e.Now }
func (e Committed) at() time.Time       { return e.Now }
func (e Revealed) at() time.Time        { return e.Now }
func (e Fetched) at() time.Time         { return e.Now }
func (e Audited) at() time.Time         { return e.Now }
func (e AttemptFailed) at() time.Time   { return e.Now }
func (e Compared) at() time.Time        { return e.Now }
func (e Settled) at() time.Time         { return e.Now }
func (e SettleFailed) at() time.Time    { return e.Now }
func (e Merged) at() time.Time          { return e.Now }
func (e MergeFailed) at() time.Time     { return e.Now }
func (e Tick) at() time.Time            { return e.Now }
func (e Resumed) at() time.Time         { return e.Now }
func (e CancelRequested) at() time.Time { return e.Now }
func (e Acked) at() time.Time           { return e.Now }

func (Submit) name() string          { return "submit" }
func (Matched) name() string         { return "matched" }
func (Progressed) name() string      { return "progressed" }
func (Committed) name() string       { return "committed" }
func (Revealed) name() string        { return "revealed" }
func (Fetched) name() string         { return "fetched" }
func (Audited) name() string         { return "audited" }
func (AttemptFailed) name() string   { return "attempt_failed" }
func (Compared) name() string        { return "compared" }
func (Settled) name() string         { return "settled" }
func (SettleFailed) name() string    { return "settle_failed" }
func (Merged) name() string          { return "merged" }
func (MergeFailed) name() string     { return "merge_failed" }
func (Tick) name() string            { return "tick" }
func (Resumed) name() string         { return "resumed" }
func (CancelRequested) name() string { return "cancel_requested" }
func (Acked) name() string           { return "acked" }
