package job

import (
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// ID names a job: 32 random bytes drawn by the client.
type ID = wire.ID

// Job is the whole of one job: what was asked, what happened, and the effects
// still to be carried out. It is plain data; the caller writes it as JSON in the
// transaction that follows each Step, before any effect runs.
type Job struct {
	ID          ID              `json:"id"`
	Name        string          `json:"name"`
	Client      identity.PubKey `json:"client,omitzero"` // who asked; zero when this node did
	Spec        Spec            `json:"spec"`
	State       State           `json:"state"`
	Ending      State           `json:"ending,omitempty"` // the terminal state it is winding down to
	Reason      Reason          `json:"reason,omitzero"`
	Secret      ID              `json:"secret"`       // fixes assignment and audits; kept until the end
	AuditCommit ID              `json:"audit_commit"` // SHA256(Secret), published before dispatch
	ProbePPM    uint32          `json:"probe_ppm"`    // chance that a stranger's validator is probed
	Image       Image           `json:"image"`
	Model       Model           `json:"model,omitzero"`
	Shards      []*Shard        `json:"shards"` // never nil entries; a step replaces those it changes, see Changed
	Candidates  []Candidate     `json:"candidates,omitempty"`
	Dropped     []Dropped       `json:"dropped,omitempty"`
	Providers   []Standing      `json:"providers,omitempty"` // faults within this job, by provider
	Budget      payments.Amount `json:"budget"`
	Spent       payments.Amount `json:"spent"`
	Reserved    payments.Amount `json:"reserved"`
	Fee         payments.Amount `json:"fee,omitzero"` // what Client pays for having it driven
	Created     time.Time       `json:"created,omitzero"`
	Started     time.Time       `json:"started,omitzero"` // the first dispatch
	Ended       time.Time       `json:"ended,omitzero"`
	Updated     time.Time       `json:"updated,omitzero"` // Now of the last event
	Deadline    time.Time       `json:"deadline,omitzero"`
	Rounds      uint32          `json:"rounds,omitempty"`    // Match effects asked for
	Starved     uint32          `json:"starved,omitempty"`   // answers in a row that brought nobody
	NextMatch   time.Time       `json:"next_match,omitzero"` // not before this
	Outbox      Outbox          `json:"outbox,omitempty"`
	Result      Result          `json:"result,omitzero"`
	Log         []Transition    `json:"log,omitempty"`    // the last MaxLog transitions
	Offline     time.Time       `json:"offline,omitzero"` // since when this node's own network is down

	index   *index // what Step counts; see index
	version uint64 // of index that is this job's
}

// Reason says why something is as it is: a code for programs, a text and a hint for people.
type Reason struct {
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	Hint string `json:"hint,omitempty"`
}

// Image is the resolved container image. Bytes is its size to transfer.
type Image struct {
	Digest string `json:"digest"`
	CID    string `json:"cid,omitempty"`
	Bytes  uint64 `json:"bytes,omitempty"`
}

// Model is the resolved model file; the zero value means none.
type Model struct {
	CID   string `json:"cid,omitempty"`
	Bytes uint64 `json:"bytes,omitempty"`
}

// Input is the input of one shard. Units are the work units the price counts
// (lines for split by lines, one otherwise); Bytes is its size. Known is set
// where the answer is known: such a shard is no part of the job's result.
type Input struct {
	CID   string `json:"cid,omitempty"`
	Units uint64 `json:"units"`
	Bytes uint64 `json:"bytes,omitempty"`
	Name  string `json:"name,omitempty"`
	Known *Known `json:"known,omitempty"`
}

// Known is the answer to a canary: an input that independent providers agreed on
// in an earlier job of the same image, model and arguments. It is never sent to
// anybody. Not are the operators that saw the input already: it would be no
// surprise to them. Probe marks it as one for validators.
type Known struct {
	Root  string   `json:"root"`
	Size  uint64   `json:"size"`
	Not   []string `json:"not,omitempty"`
	Probe bool     `json:"probe,omitempty"`
}

// Result is the merged result.
type Result struct {
	CID  string `json:"cid,omitempty"`
	Size uint64 `json:"size,omitempty"`
}

// Shard is one piece of a job.
type Shard struct {
	Index    uint32     `json:"index"`
	Input    Input      `json:"input"`
	State    ShardState `json:"state"`
	Class    string     `json:"class,omitempty"`    // hardware class of all its live attempts
	Wanted   uint32     `json:"wanted"`             // how many results are to be compared
	Attempts []Attempt  `json:"attempts,omitempty"` // Attempts[i].N == i
	Result   string     `json:"result,omitempty"`   // root CID of the verified result
	Size     uint64     `json:"size,omitempty"`
	Label    string     `json:"label,omitempty"`    // claimed, replicated or audited
	Group    []uint32   `json:"group,omitempty"`    // the attempts that the result rests on
	Disputed bool       `json:"disputed,omitempty"` // those who computed it disagree, and another decides
	Spot     string     `json:"spot,omitempty"`     // see the Spot constants
	Reopened bool       `json:"reopened,omitempty"` // it had a result, by one that was caught later
	Retries  uint32     `json:"retries,omitempty"`  // attempts beyond the first round
	Starved  uint32     `json:"starved,omitempty"`  // matches in a row that brought nobody for it
	Reason   Reason     `json:"reason,omitzero"`
}

// Attempt is one run of one shard by one provider.
type Attempt struct {
	N        uint32          `json:"n"`
	Wire     uint32          `json:"wire"` // its number in documents: tells nobody whether it is a first run; see WireNumber
	Provider identity.PubKey `json:"provider"`
	Operator string          `json:"operator,omitempty"`
	Apart    []string        `json:"apart,omitempty"`
	Quote    ID              `json:"quote"`
	Class    string          `json:"class,omitempty"`
	Amount   payments.Amount `json:"amount"`
	State    AttemptState    `json:"state"`
	Copy     bool            `json:"copy,omitempty"`    // second copy of a straggler
	Flat     bool            `json:"flat,omitempty"`    // a validator's: paid unless it is shown to be wrong
	Trusted  bool            `json:"trusted,omitempty"` // a validator of one's own: its word decides
	Offered  time.Time       `json:"offered,omitzero"`
	Heard    time.Time       `json:"heard,omitzero"` // the last Progressed
	Began    time.Time       `json:"began,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`    // commit, failure or cancel
	Deadline time.Time       `json:"deadline,omitzero"` // of the present state
	Commit   Commit          `json:"commit,omitzero"`
	Reveal   Reveal          `json:"reveal,omitzero"`
	Drawn    bool            `json:"drawn,omitempty"`    // the lottery was held over its commit
	RatePPM  uint32          `json:"rate_ppm,omitempty"` // at this rate
	Audited  bool            `json:"audited,omitempty"`  // and chose it
	Audits   uint32          `json:"audits,omitempty"`   // results and replays it was compared with
	Held     bool            `json:"held,omitempty"`     // ok, and its payment waits for an audit of its provider
	Vote     bool            `json:"vote,omitempty"`     // settled, and its result counts in the reopened shard
	Recheck  bool            `json:"recheck,omitempty"`  // to be replayed whatever the lottery says
	Doubt    bool            `json:"doubt,omitempty"`    // its provider was caught: it is compared and has no say
	Answers  []Answer        `json:"answers,omitempty"`  // of its replays
	Reason   Reason          `json:"reason,omitzero"`
	Blame    string          `json:"blame,omitempty"` // see Blame
	Fault    bool            `json:"fault,omitempty"` // Reason is the provider's fault
	Settled  bool            `json:"settled,omitempty"`
	Paid     bool            `json:"paid,omitempty"` // Amount was counted as spent
	PayRef   string          `json:"pay_ref,omitempty"`
	Receipt  ID              `json:"receipt,omitzero"`
	Tries    uint32          `json:"tries,omitempty"` // failed settlements
	RetryAt  time.Time       `json:"retry_at,omitzero"`
}

// Answer is what one replay of an attempt's result came to.
type Answer struct {
	Answer string          `json:"answer"`
	By     identity.PubKey `json:"by,omitzero"` // zero: the own engine, or not told
	Score  float64         `json:"score,omitempty"`
	Why    string          `json:"why,omitempty"`
}

// Commit is what a provider committed to. Event is the id of the signed commit.
type Commit struct {
	Event ID        `json:"event"`
	C     ID        `json:"c"`
	Size  uint64    `json:"size"`
	Units uint64    `json:"units"`
	At    time.Time `json:"at,omitzero"` // when it came in
}

// Reveal is the opened commit. Event is the id of the signed reveal.
type Reveal struct {
	Event ID     `json:"event"`
	Root  string `json:"root"`
	Size  uint64 `json:"size"`
	Nonce ID     `json:"nonce"`
}

// Candidate is a provider that matched, with the quote it gave. Slots are the
// attempts of this job it can hold at once, those it already holds included.
type Candidate struct {
	Provider  identity.PubKey `json:"provider"`
	Operator  string          `json:"operator,omitempty"` // two candidates of one operator never share a shard; "" means the provider itself
	Quote     ID              `json:"quote"`
	Class     string          `json:"class,omitempty"`
	Rate      payments.Rate   `json:"rate"`
	Slots     uint32          `json:"slots"`
	ETA       time.Duration   `json:"eta,omitempty"`
	Expires   time.Time       `json:"expires,omitzero"` // zero: never
	Score     float64         `json:"score,omitempty"`
	Rank      float64         `json:"rank,omitempty"`  // the market's; work is dealt among the best
	Apart     []string        `json:"apart,omitempty"` // subnet, AS and the like: two that share one never share a shard
	Track     audit.Track     `json:"track,omitzero"`
	Credit    uint64          `json:"credit,omitempty"`    // what it lets this node owe, in the job's unit
	New       bool            `json:"new,omitempty"`       // nothing of it was ever found right
	Validator bool            `json:"validator,omitempty"` // it is asked as a validator, at its flat price
	Trusted   bool            `json:"trusted,omitempty"`   // a validator of one's own
	HasImage  bool            `json:"has_image,omitempty"`
	HasModel  bool            `json:"has_model,omitempty"`
}

// Dropped is a provider that did not match: the first predicate that failed and
// the smallest change that would have matched.
type Dropped struct {
	Provider  identity.PubKey `json:"provider"`
	Predicate string          `json:"predicate"`
	Have      string          `json:"have,omitempty"`
	Want      string          `json:"want,omitempty"`
	Hint      string          `json:"hint,omitempty"`
	Rate      payments.Rate   `json:"rate,omitzero"`  // that it quoted, where that is what does not match
	Busy      bool            `json:"busy,omitempty"` // it said that it has no room now
}

// Standing is what a provider did within one job, right and wrong.
type Standing struct {
	Provider  identity.PubKey `json:"provider"`
	Faults    uint32          `json:"faults"`
	LastFault time.Time       `json:"last_fault,omitzero"`
	Excluded  bool            `json:"excluded,omitempty"`
	Caught    bool            `json:"caught,omitempty"` // excluded for a proven lie
	Why       string          `json:"why,omitempty"`
	Known     bool            `json:"known,omitempty"`     // Track was filled in
	Track     audit.Track     `json:"track,omitzero"`      // as it was quoted, and what was found in this job since
	Probation uint32          `json:"probation,omitempty"` // as it was quoted first
	Spotted   uint32          `json:"spotted,omitempty"`   // results that a trusted validator confirmed
	Valid     uint32          `json:"valid,omitempty"`     // results found right in this job
}

// Transition is one line of the job's log. Subject is "job", "shard 3" or "attempt 3/1".
type Transition struct {
	At      time.Time `json:"at,omitzero"`
	Subject string    `json:"subject"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Why     string    `json:"why,omitempty"`
}
