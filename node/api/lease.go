package api

import "time"

// Lease is an agreement with one provider on one model: its price, what may be
// spent under it, and what was used so far.
type Lease struct {
	ID        string     `json:"id"`
	Provider  string     `json:"provider"` // npub
	Model     string     `json:"model"`    // CID
	Name      string     `json:"name,omitempty"`
	State     string     `json:"state"` // open draining closed disputed
	In        uint64     `json:"in"`    // price per million input tokens
	Out       uint64     `json:"out"`   // price per million output tokens
	Unit      string     `json:"unit"`
	Budget    uint64     `json:"budget"` // most that may be spent
	Spent     uint64     `json:"spent"`  // what the tokens used so far cost
	Paid      uint64     `json:"paid"`   // of it paid, in windows
	Windows   uint64     `json:"windows"`
	Requests  uint64     `json:"requests"`
	InTokens  uint64     `json:"in_tokens"`
	OutTokens uint64     `json:"out_tokens"`
	Active    int        `json:"active"` // requests running now
	Since     time.Time  `json:"since,omitzero"`
	Deadline  *time.Time `json:"deadline,omitempty"`
	Reason    string     `json:"reason,omitempty"` // why it ended or is stuck
}

// Audits is what the audits of answers did since the node's start: answers are
// replayed by others, by a lottery.
type Audits struct {
	Drawn        uint64 `json:"drawn"`        // answers that the lottery chose
	Replayed     uint64 `json:"replayed"`     // replays had
	Tokens       uint64 `json:"tokens"`       // replayed, prompts left out
	Passed       uint64 `json:"passed"`       // answers found right
	Suspected    uint64 `json:"suspected"`    // times that one auditor found answers wrong
	Confirmed    uint64 `json:"confirmed"`    // times that a second one did too
	Inconclusive uint64 `json:"inconclusive"` // answers that nobody could judge
	Dropped      uint64 `json:"dropped"`      // answers for which there was no time, room or money
	Spent        uint64 `json:"spent"`        // on replays in the last hour, in Unit
	Unit         string `json:"unit"`
}

// LeaseEvidence is what was found about the provider of a lease: answers that
// others, independent of each other, say its model did not give.
type LeaseEvidence struct {
	Lease    string         `json:"lease"`
	Provider string         `json:"provider"` // npub
	Model    string         `json:"model"`    // CID
	Image    string         `json:"image"`    // digest
	Class    string         `json:"class,omitempty"`
	At       time.Time      `json:"at"`
	Answers  int            `json:"answers"` // that were replayed
	Findings []LeaseFinding `json:"findings"`
	Proof    Raw            `json:"proof"` // all of it: claims, texts, and what was seen of each token
}

// LeaseFinding is what one side found.
type LeaseFinding struct {
	By     []string `json:"by"`     // npubs
	Answer string   `json:"answer"` // match mismatch inconclusive
	Why    string   `json:"why"`
}
