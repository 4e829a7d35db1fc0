package api

import "time"

// SubmitRequest asks the node to accept a job.
type SubmitRequest struct {
	Spec       string `json:"spec"`                 // the job description, YAML (JSON is YAML too)
	Dir        string `json:"dir,omitempty"`        // absolute; relative paths of the description start here
	Aggregator string `json:"aggregator,omitempty"` // npub of the node to hand the job to; "" as the description says
}

// Job is a job as the owner sees it: the answer to submit, get and list, and
// the final document of "job run".
type Job struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Kind        string           `json:"kind"`
	State       string           `json:"state"`          // submitted matching dispatched running verifying settling done failed cancelled expired
	Reason      string           `json:"reason"`         // why it failed, waits or was cancelled; "" when there is nothing to say
	Code        Code             `json:"code,omitempty"` // the reason for programs; "" unless it failed
	Hint        string           `json:"hint,omitempty"`
	Aggregator  string           `json:"aggregator,omitempty"` // npub when handed over
	Label       string           `json:"label,omitempty"`      // how far the result is checked: claimed replicated audited
	Result      JobResult        `json:"result"`
	Shards      ShardCounts      `json:"shards"`
	Cost        Amount           `json:"cost"`
	Providers   []ProviderShare  `json:"providers"`
	Cheaters    []Cheater        `json:"cheaters,omitempty"`
	TimingsMS   map[string]int64 `json:"timings_ms"` // total, and one entry a phase
	SubmittedAt time.Time        `json:"submitted_at"`
	EndedAt     *time.Time       `json:"ended_at,omitempty"`
}

// Terminal says whether the job has ended and will not change any more.
func (j Job) Terminal() bool { return TerminalState(j.State) }

// TerminalState says whether a job in this state has ended.
func TerminalState(state string) bool {
	switch state {
	case JobDone, JobFailed, JobCancelled, JobExpired:
		return true
	}
	return false
}

// The states in which a job ends.
const (
	JobDone      = "done"
	JobFailed    = "failed"
	JobCancelled = "cancelled"
	JobExpired   = "expired"
)

// JobResult is where the merged result is; both empty until the job is done.
type JobResult struct {
	CID  string `json:"cid"`
	Path string `json:"path"` // on this machine, inside the node's home unless exported
}

// ShardCounts tells how the shards of a job stand.
type ShardCounts struct {
	Total      int `json:"total"`
	OK         int `json:"ok"`
	Retried    int `json:"retried"`    // attempts beyond the replicas planned
	Audited    int `json:"audited"`    // shards checked by more than their providers' word
	Mismatched int `json:"mismatched"` // attempts whose result lost against the others
	Running    int `json:"running,omitempty"`
}

// Amount is money of one rail's unit.
type Amount struct {
	Amount uint64 `json:"amount"`
	Unit   string `json:"unit"`
}

// ProviderShare is one provider's part of a job.
type ProviderShare struct {
	NPub     string         `json:"npub"`
	Shards   int            `json:"shards"` // shards for which its result counted
	Paid     uint64         `json:"paid"`   // in the unit of the job's cost
	Verdicts map[string]int `json:"verdicts"`
}

// Cheater is a provider whose committed result was proven wrong.
type Cheater struct {
	NPub         string   `json:"npub"`
	Evidence     []string `json:"evidence"` // one sentence each, with the event ids
	PaidForWrong uint64   `json:"paid_for_wrong"`
}

// Explanation tells why a job waits or ended as it did.
type Explanation struct {
	ID      string      `json:"id"`
	State   string      `json:"state"`
	Summary string      `json:"summary"` // one sentence
	Hint    string      `json:"hint,omitempty"`
	Dropped []Candidate `json:"dropped,omitempty"` // providers not used
	Verify  *Verify     `json:"verify,omitempty"`  // how results are checked
	Checked []Attempt   `json:"checked,omitempty"` // how each result was
	History []Note      `json:"history,omitempty"` // what happened, oldest first
}

// Candidate is a provider that was looked at and not taken.
type Candidate struct {
	NPub   string `json:"npub"`
	Reason string `json:"reason"`        // the first predicate that failed
	Fix    string `json:"fix,omitempty"` // the smallest change that would have matched
}

// Note is one line of a job's history.
type Note struct {
	AtMS     int64  `json:"at_ms"` // unix milliseconds
	Shard    *int   `json:"shard,omitempty"`
	Attempt  *int   `json:"attempt,omitempty"`
	Provider string `json:"provider,omitempty"`
	Text     string `json:"text"`
}

// CancelRequest asks for the end of a job.
type CancelRequest struct {
	Reason string `json:"reason"`
}

// ResultsRequest asks for a copy of a job's result outside the node's home.
type ResultsRequest struct {
	Dest string `json:"dest"` // absolute path on the same machine; must not exist
}

// Receipt is one signed receipt with the few fields that people look at. Doc
// is the whole document, {"doc","countersignature"}, which receipt verify takes.
type Receipt struct {
	ID       string `json:"id"`
	Job      string `json:"job"`
	Shard    int    `json:"shard"`
	Attempt  int    `json:"attempt"`
	Provider string `json:"provider"`
	Payer    string `json:"payer"`
	Amount   Amount `json:"amount"`
	Verdict  string `json:"verdict"`
	Label    string `json:"label"`
	Signed   string `json:"signed"` // both | payer | provider
	Doc      Raw    `json:"doc"`

	Class  string  `json:"class,omitempty"`  // of the provider's hardware
	Blame  string  `json:"blame,omitempty"`  // provider client network inconclusive; "" with an ok verdict
	Audits int     `json:"audits,omitempty"` // checks beyond the provider's word that it passed or failed
	Rate   float64 `json:"rate,omitempty"`   // chance that it was checked, 0 to 1
	Seq    uint64  `json:"seq,omitempty"`    // its place in its author's chain with the other party
}
