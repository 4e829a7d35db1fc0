package job

import (
	"fmt"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Effect is something the driver must do. It stays in Job.Outbox until the event
// that completes it, and is idempotent under its Key: carrying it out twice does
// what carrying it out once does.
type Effect interface {
	// Key names the effect within its job; it never changes and is never reused.
	Key() string
	kind() string
}

// Match asks for candidates: find providers, collect quotes, answer Matched.
// Exclude are providers of no more use to this job.
type Match struct {
	Round   uint32            `json:"round"`
	Exclude []identity.PubKey `json:"exclude,omitempty"`
}

// Dispatch sends the Accept and follows the attempt: Progressed, then Committed
// or AttemptFailed. Amount is already reserved.
type Dispatch struct {
	Shard    uint32          `json:"shard"`
	Attempt  uint32          `json:"attempt"`
	Wire     uint32          `json:"wire"`
	Provider identity.PubKey `json:"provider"`
	Quote    ID              `json:"quote"`
	Class    string          `json:"class,omitempty"`
	Amount   payments.Amount `json:"amount"`
	Input    Input           `json:"input"`
	Seed     uint64          `json:"seed"`              // the same for all attempts of a shard
	Timeout  time.Duration   `json:"timeout"`           // wall clock of the task
	Deadline time.Time       `json:"deadline,omitzero"` // after which a commit is worth nothing
}

// RequestReveal asks a provider to open its commit: Revealed or AttemptFailed.
// Commits are the event ids of those that are opened together: of a quorum the
// whole round, which shows that all of it is in; else its own.
type RequestReveal struct {
	Shard    uint32          `json:"shard"`
	Attempt  uint32          `json:"attempt"`
	Wire     uint32          `json:"wire"`
	Provider identity.PubKey `json:"provider"`
	Commits  []ID            `json:"commits"`
}

// Fetch brings the revealed bytes here, at most Size of them, verified against
// Root: Fetched or AttemptFailed.
type Fetch struct {
	Shard    uint32          `json:"shard"`
	Attempt  uint32          `json:"attempt"`
	Wire     uint32          `json:"wire"`
	Provider identity.PubKey `json:"provider"`
	Root     string          `json:"root"`
	Size     uint64          `json:"size"`
}

// KnownAnswer stands for the known answer of a canary among the attempts of a Compare.
const KnownAnswer = 1<<32 - 1

// Compare groups the results of these attempts by equality: Compared.
// Roots[i] belongs to Attempts[i]; one of them may be KnownAnswer.
type Compare struct {
	Shard      uint32   `json:"shard"`
	Attempts   []uint32 `json:"attempts"`
	Roots      []string `json:"roots"`
	Comparator string   `json:"comparator"`
}

// Audit replays a revealed result at somebody else's, or on the own engine:
// Audited. Not are those that may not do it: its provider and who replayed it before.
type Audit struct {
	Shard    uint32            `json:"shard"`
	Attempt  uint32            `json:"attempt"`
	Try      uint32            `json:"try"` // from 1: a mismatch is confirmed by another
	Wire     uint32            `json:"wire"`
	Provider identity.PubKey   `json:"provider"`
	Root     string            `json:"root"`
	Size     uint64            `json:"size"`
	Not      []identity.PubKey `json:"not,omitempty"`
}

// Verdicts of a settlement.
const (
	VerdictOK     = "ok"
	VerdictBad    = "bad"
	VerdictFailed = "failed"
	// VerdictInconclusive is neither: not paid and not blamed.
	VerdictInconclusive = "inconclusive"
)

// Labels say how a result was made sure of.
const (
	LabelClaimed    = "claimed"    // one provider says so
	LabelReplicated = "replicated" // enough independent providers agree
	LabelAudited    = "audited"    // replayed, held against a known answer, or confirmed by one's own validator
)

// Settle sends the verdict, pays Amount when it is ok (Amount is zero
// otherwise) and exchanges the receipt: Settled or SettleFailed.
type Settle struct {
	Shard    uint32          `json:"shard"`
	Attempt  uint32          `json:"attempt"`
	Wire     uint32          `json:"wire"`
	Provider identity.PubKey `json:"provider"`
	Verdict  string          `json:"verdict"`
	Label    string          `json:"label,omitempty"`
	Class    string          `json:"class,omitempty"`
	Blame    string          `json:"blame,omitempty"`    // whose fault it is that the verdict is not ok, see Blame
	Audits   uint32          `json:"audits,omitempty"`   // results and replays it was compared with
	RatePPM  uint32          `json:"rate_ppm,omitempty"` // of the lottery over its commit
	Amount   payments.Amount `json:"amount"`
	Reason   Reason          `json:"reason,omitzero"`
	Evidence []ID            `json:"evidence,omitempty"` // commit and reveal events the verdict rests on
}

// Abort tells a provider to stop: Acked, whether it was reached or not.
type Abort struct {
	Shard    uint32          `json:"shard"`
	Attempt  uint32          `json:"attempt"`
	Wire     uint32          `json:"wire"`
	Provider identity.PubKey `json:"provider"`
	Reason   Reason          `json:"reason,omitzero"`
}

// Merge puts the verified results together in shard order: Merged or MergeFailed.
type Merge struct {
	By    string   `json:"by"`
	Roots []string `json:"roots"` // by shard index
}

// Finish says that the job is over: disclose the secret to every provider that
// committed, tell the client, release what is held. Acked.
type Finish struct {
	State State `json:"state"`
}

// Key implements Effect.
func (e Match) Key() string { return fmt.Sprintf("match/%d", e.Round) }

// Key implements Effect.
func (e Dispatch) Key() string { return attemptKey("dispatch", e.Shard, e.Attempt) }

// Key implements Effect.
func (e RequestReveal) Key() string { return attemptKey("reveal", e.Shard, e.Attempt) }

// Key implements Effect.
func (e Fetch) Key() string { return attemptKey("fetch", e.Shard, e.Attempt) }

// Key implements Effect. The attempts are part of it: the same shard is compared
// again when an attempt was replaced or added.
func (e Compare) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "compare/%d", e.Shard)
	for _, n := range e.Attempts {
		fmt.Fprintf(&b, "/%d", n)
	}
	return b.String()
}

// Key implements Effect.
func (e Audit) Key() string {
	return fmt.Sprintf("audit/%d/%d/%d", e.Shard, e.Attempt, e.Try)
}

// Key implements Effect.
func (e Settle) Key() string { return attemptKey("settle", e.Shard, e.Attempt) }

// Key implements Effect.
func (e Abort) Key() string { return attemptKey("abort", e.Shard, e.Attempt) }

// Key implements Effect.
func (e Merge) Key() string { return "merge" }

// Key implements Effect.
func (e Finish) Key() string { return "finish" }

func attemptKey(kind string, shard, attempt uint32) string {
	return fmt.Sprintf("%s/%d/%d", kind, shard, attempt)
}

func (Match) kind() string         { return "match" }
func (Dispatch) kind() string      { return "dispatch" }
func (RequestReveal) kind() string { return "request_reveal" }
func (Fetch) kind() string         { return "fetch" }
func (Compare) kind() string       { return "compare" }
func (Audit) kind() string         { return "audit" }
func (Settle) kind() string        { return "settle" }
func (Abort) kind() string         { return "abort" }
func (Merge) kind() string         { return "merge" }
func (Finish) kind() string        { return "finish" }
