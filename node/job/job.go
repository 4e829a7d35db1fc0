package job

import (
	"time"

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
	Image       Image           `json:"image"`
	Model       Model           `json:"model,omitzero"`
	Shards      []Shard         `json:"shards"`
	Candidates  []Candidate     `json:"candidates,omitempty"`
	Dropped     []Dropped       `json:"dropped,omitempty"`
	Providers   []Standing      `json:"providers,omitempty"` // faults within this job, by provider
	Budget      payments.Amount `json:"budget"`
	Spent       payments.Amount `json:"spent"`
	Reserved    payments.Amount `json:"reserved"`
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
	Log         []Transition    `json:"log,omitempty"` // the last MaxLog transitions
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
// (lines for split by lines, one otherwise); Bytes is its size.
type Input struct {
	CID   string `json:"cid,omitempty"`
	Units uint64 `json:"units"`
	Bytes uint64 `json:"bytes,omitempty"`
	Name  string `json:"name,omitempty"`
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
	Label    string     `json:"label,omitempty"`   // claimed or replicated
	Retries  uint32     `json:"retries,omitempty"` // attempts beyond the first round
	Starved  uint32     `json:"starved,omitempty"` // matches in a row that brought nobody for it
	Reason   Reason     `json:"reason,omitzero"`
}

// Attempt is one run of one shard by one provider.
type Attempt struct {
	N        uint32          `json:"n"`
	Provider identity.PubKey `json:"provider"`
	Operator string          `json:"operator,omitempty"`
	Quote    ID              `json:"quote"`
	Class    string          `json:"class,omitempty"`
	Amount   payments.Amount `json:"amount"`
	State    AttemptState    `json:"state"`
	Copy     bool            `json:"copy,omitempty"` // second copy of a straggler
	Offered  time.Time       `json:"offered,omitzero"`
	Began    time.Time       `json:"began,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`    // commit, failure or cancel
	Deadline time.Time       `json:"deadline,omitzero"` // of the present state
	Commit   Commit          `json:"commit,omitzero"`
	Reveal   Reveal          `json:"reveal,omitzero"`
	Reason   Reason          `json:"reason,omitzero"`
	Fault    bool            `json:"fault,omitempty"` // Reason is the provider's fault
	Settled  bool            `json:"settled,omitempty"`
	Paid     bool            `json:"paid,omitempty"` // Amount was counted as spent
	PayRef   string          `json:"pay_ref,omitempty"`
	Receipt  ID              `json:"receipt,omitzero"`
	Tries    uint32          `json:"tries,omitempty"` // failed settlements
	RetryAt  time.Time       `json:"retry_at,omitzero"`
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
	Provider identity.PubKey `json:"provider"`
	Operator string          `json:"operator,omitempty"` // two candidates of one operator never share a shard; "" means the provider itself
	Quote    ID              `json:"quote"`
	Class    string          `json:"class,omitempty"`
	Rate     payments.Rate   `json:"rate"`
	Slots    uint32          `json:"slots"`
	ETA      time.Duration   `json:"eta,omitempty"`
	Expires  time.Time       `json:"expires,omitzero"` // zero: never
	Score    float64         `json:"score,omitempty"`
	HasImage bool            `json:"has_image,omitempty"`
	HasModel bool            `json:"has_model,omitempty"`
}

// Dropped is a provider that did not match: the first predicate that failed and
// the smallest change that would have matched.
type Dropped struct {
	Provider  identity.PubKey `json:"provider"`
	Predicate string          `json:"predicate"`
	Have      string          `json:"have,omitempty"`
	Want      string          `json:"want,omitempty"`
	Hint      string          `json:"hint,omitempty"`
}

// Standing is what a provider did wrong within one job.
type Standing struct {
	Provider  identity.PubKey `json:"provider"`
	Faults    uint32          `json:"faults"`
	LastFault time.Time       `json:"last_fault,omitzero"`
	Excluded  bool            `json:"excluded,omitempty"`
	Why       string          `json:"why,omitempty"`
}

// Transition is one line of the job's log. Subject is "job", "shard 3" or "attempt 3/1".
type Transition struct {
	At      time.Time `json:"at,omitzero"`
	Subject string    `json:"subject"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Why     string    `json:"why,omitempty"`
}
