package api

import "time"

// Lease is an agreement with one provider on one model: its price, what may be
// spent under it, and what was used so far.
type Lease struct {
	ID        string     `json:"id"`
	Provider  string     `json:"provider"` // npub
	Model     string     `json:"model"`    // CID
	Name      string     `json:"name,omitempty"`
	State     string     `json:"state"` // open closing closed failed
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
