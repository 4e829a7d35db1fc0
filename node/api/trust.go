package api

import (
	"context"
	"time"
)

// Trust is how a job is checked, before it is paid and after, and what this
// node thinks of others and why. Unknown jobs, shards and profiles answer
// CodeNotFound; ids may be shortened as those of Jobs.
type Trust interface {
	// Estimate asks providers for quotes and tells what the job would cost. It
	// spends nothing and keeps nothing. A faulty description answers
	// CodeInvalidSpec with Problems; CodeNoProvider when nobody matches, with
	// the smallest change that would help as the hint.
	Estimate(ctx context.Context, req SubmitRequest) (Estimate, error)
	// Bundles returns the receipts of a job with all that is needed to check
	// them offline: Doc is a bundle, as receipt verify reads it.
	Bundles(ctx context.Context, id string) ([]Receipt, error)
	// Evidence returns what was kept of a dispute about one shard; CodeNotFound
	// when there was none.
	Evidence(ctx context.Context, id string, shard int) (Evidence, error)
	// Reputations lists all of whom this node has an opinion, the best first.
	Reputations(ctx context.Context) ([]Reputation, error)
	// ExplainReputation recomputes a score from all that goes into it. It
	// answers for every npub, with no items for a stranger.
	ExplainReputation(ctx context.Context, npub string) (ReputationExplanation, error)
	// Frauds lists the proofs of fraud that this node made or was sent, newest
	// first.
	Frauds(ctx context.Context) ([]Fraud, error)
	// Profiles lists the verifier profiles that this node keeps.
	Profiles(ctx context.Context) ([]Profile, error)
	// Profile returns one by its CID, which is fetched from others when it is
	// not here.
	Profile(ctx context.Context, ref string) (Profile, error)
	// AddProfile checks a signed profile, whose event's bytes are given, and
	// keeps them as content that jobs can name. Adding it again changes
	// nothing; a false signature answers CodeBadRequest.
	AddProfile(ctx context.Context, event []byte) (Profile, error)
}

// Verify is how the results of a job are checked, with every default filled in.
type Verify struct {
	Mode       string   `json:"mode"`               // adaptive sample quorum canary replay none
	Rate       float64  `json:"rate,omitempty"`     // least share of results that is checked, 0 to 1; of canaries, shards added
	Replicas   int      `json:"replicas,omitempty"` // of each shard, with quorum
	Agree      int      `json:"agree,omitempty"`
	Compare    string   `json:"compare,omitempty"` // exact numeric embedding text image container
	Profile    string   `json:"profile,omitempty"` // CID of the thresholds
	Validators []string `json:"validators,omitempty"`
}

// Estimate is what a job would cost and take, from quotes that hold now.
type Estimate struct {
	Name       string      `json:"name"`
	Verify     Verify      `json:"verify"`
	Shards     int         `json:"shards"`
	Candidates int         `json:"candidates"` // providers that match, of which the job takes as many as it needs
	Cost       CostRange   `json:"cost"`
	Max        uint64      `json:"max"` // what the description allows to spend, in the cost's unit; 0: no limit
	TimeMS     TimeRange   `json:"time_ms"`
	Overhead   float64     `json:"overhead"` // expected executions beyond one for each shard: 0.25 is a quarter more
	Slip       Slip        `json:"slip"`
	Dropped    []Candidate `json:"dropped"`
	Notes      []string    `json:"notes"`            // what a person should know, a sentence each
	Reason     string      `json:"reason,omitempty"` // why nobody could do it, where that is its ceiling
	Hint       string      `json:"hint,omitempty"`
}

// CostRange is money in one unit. Low is when nothing is computed twice,
// High when everything that may be is.
type CostRange struct {
	Low      uint64 `json:"low"`
	Expected uint64 `json:"expected"`
	High     uint64 `json:"high"`
	Unit     string `json:"unit"`
}

// TimeRange is milliseconds from submitting to the end.
type TimeRange struct {
	Expected int64 `json:"expected"`
	High     int64 `json:"high"`
}

// Slip is the chance that a wrong result is accepted, and what it assumes.
type Slip struct {
	Shard    float64 `json:"shard"`    // that one given shard is wrong and accepted
	Any      float64 `json:"any"`      // that at least one of the job's shards is
	Wrong    float64 `json:"wrong"`    // that a shard is accepted, given that its result is wrong
	Cheaters float64 `json:"cheaters"` // assumed share of providers that cheat
	Cheats   float64 `json:"cheats"`   // assumed share of their results that is wrong
}

// Evidence is what was kept of a dispute: all signed documents and the CIDs of
// all results. It is content too, under CID.
type Evidence struct {
	CID     string   `json:"cid"`
	Size    uint64   `json:"size"` // bytes
	Job     string   `json:"job"`
	Shard   int      `json:"shard"`
	Accused []string `json:"accused"` // npubs of those whose result lost; empty when undecided
	Summary string   `json:"summary"` // one sentence
	Results []string `json:"results"` // CIDs
	Bundle  Raw      `json:"bundle"`
}

// Attempt is how one result of a job was checked.
type Attempt struct {
	Shard    int     `json:"shard"`
	Attempt  int     `json:"attempt"` // the number that its documents carry
	Provider string  `json:"provider"`
	State    string  `json:"state"`
	Rate     float64 `json:"rate"`    // chance that it was checked, drawn for once it was committed
	Drawn    bool    `json:"drawn"`   // the lottery was held
	Audited  bool    `json:"audited"` // and it was drawn, or every result is checked
	Audits   int     `json:"audits"`  // checks that told whether it is right; none, though drawn: nobody could tell
	Held     bool    `json:"held"`    // accepted, and its payment waits for an audit of the same provider
	Known    bool    `json:"known"`   // its answer was known before; told once the job has ended
	Verdict  string  `json:"verdict,omitempty"`
	Class    string  `json:"class,omitempty"` // of the provider's hardware
	Blame    string  `json:"blame,omitempty"` // provider client network inconclusive; "" when nothing was wrong
	Reason   string  `json:"reason,omitempty"`
}

// ReputationExplanation is a score with all that goes into it.
type ReputationExplanation struct {
	Reputation
	Mean    float64          `json:"mean"`     // expected share of right results; Score is its lower bound
	GoodSum float64          `json:"good_sum"` // decayed weight of successes, those of others included
	BadSum  float64          `json:"bad_sum"`
	Flow    float64          `json:"flow"` // most that can flow from this node to that one over what was paid for work
	Items   []ReputationItem `json:"items"`
	Vouches []Vouch          `json:"vouches"`
	Notes   []string         `json:"notes"` // gaps and forks of its receipts' chains, one sentence each
}

// ReputationItem is what one receipt adds. Good and Bad are decayed.
type ReputationItem struct {
	Receipt string    `json:"receipt"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
	Blame   string    `json:"blame,omitempty"`
	Label   string    `json:"label"`
	Amount  Amount    `json:"amount"`
	Weight  float64   `json:"weight"` // before decay
	Decay   float64   `json:"decay"`  // what age leaves of it, 0 to 1
	Good    float64   `json:"good"`
	Bad     float64   `json:"bad"`
}

// Vouch is what one other node's opinion adds.
type Vouch struct {
	NPub string  `json:"npub"`
	Flow float64 `json:"flow"` // of Flow, what comes in over this node
	Good uint8   `json:"good"` // as it wrote it, by the logarithm
	Bad  uint8   `json:"bad"`
	Day  string  `json:"day"` // YYYY-MM-DD
}

// Fraud is a proof of fraud: signed documents of one author that contradict
// each other.
type Fraud struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject"` // npub of who did it
	Fault   string    `json:"fault"`   // two_commits false_reveal two_receipts two_notes two_disclosures false_secret
	Author  string    `json:"author"`  // npub of who found it
	At      time.Time `json:"at"`
	Docs    []Raw     `json:"docs"`
}

// Profile is a verifier profile: the thresholds of a comparator, measured for
// one model and class of hardware.
type Profile struct {
	CID        string            `json:"cid"`
	Author     string            `json:"author"` // npub
	At         time.Time         `json:"at"`
	Model      string            `json:"model"` // CID
	Image      string            `json:"image"` // digest
	Class      string            `json:"class"`
	Comparator string            `json:"comparator"`
	Samples    int               `json:"samples"`
	FalseRate  float64           `json:"false_rate"` // upper bound of how often an honest result is called wrong
	Thresholds map[string]string `json:"thresholds"`
	Event      Raw               `json:"event"`
}
