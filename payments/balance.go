package payments

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Balance is the account with one peer, in the rail's unit. On credit debts net
// out and nothing else makes them good; on rails of money each direction is by
// itself, and what was made good is told apart from what is only noted.
type Balance struct {
	Peer     identity.PubKey `json:"peer"`
	Unit     Unit            `json:"unit"`
	Paid     uint64          `json:"paid"`              // all that we paid them
	Received uint64          `json:"received"`          // all that they paid us
	Pending  uint64          `json:"pending"`           // we promised it, outcome not known
	Expected uint64          `json:"expected"`          // they are to pay it for work accepted
	Covered  uint64          `json:"covered,omitempty"` // of Expected, money of theirs is locked for it
	Net      int64           `json:"net"`               // above zero they owe us, below zero we owe them
	Limit    uint64          `json:"limit"`             // how much they may owe us
	Left     uint64          `json:"left"`              // how much more they may come to owe us
	Ceiling  uint64          `json:"ceiling"`           // how much we let ourselves owe them
	Dispute  string          `json:"dispute,omitempty"`

	Settled     uint64    `json:"settled,omitempty"`      // of Received, made good
	SettledOut  uint64    `json:"settled_out,omitempty"`  // of Paid, made good
	Exposure    uint64    `json:"exposure,omitempty"`     // noted by them and not made good: what we may lose
	OurExposure uint64    `json:"our_exposure,omitempty"` // locked or prepaid by us and not yet earned: what we may lose
	Locked      uint64    `json:"locked,omitempty"`       // of ours, in holds and channels
	Available   *uint64   `json:"available,omitempty"`    // room of our channel to them, where there is one
	Window      uint64    `json:"window,omitempty"`       // how far Exposure may come, as it is now
	Overdue     uint64    `json:"overdue,omitempty"`      // of Exposure, noted too long ago
	Since       time.Time `json:"since,omitzero"`         // when the oldest of Exposure was noted
}
