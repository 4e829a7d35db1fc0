package payments

import (
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Direction says whether this node pays or is paid.
type Direction string

const (
	// Out: this node pays.
	Out Direction = "out"
	// In: this node is paid.
	In Direction = "in"
)

// Validate returns ErrSyntax for anything but Out and In.
func (d Direction) Validate() error {
	if d != Out && d != In {
		return fmt.Errorf("direction %.10q: %w", string(d), ErrSyntax)
	}
	return nil
}

// Entry is one payment as this node knows it. Paid, there is one for each rail
// and ref; received, one for each rail, payer and ref, since refs are the payers'
// choice and two of them may choose alike.
type Entry struct {
	Rail      string          `json:"rail"`
	Direction Direction       `json:"direction"`
	Ref       Ref             `json:"ref"`
	Peer      identity.PubKey `json:"peer"`
	Amount    Amount          `json:"amount"`
	State     State           `json:"state"`
	Memo      string          `json:"memo,omitempty"`    // what the charge is for
	Reason    string          `json:"reason,omitempty"`  // why it is in this state
	Secured   string          `json:"secured,omitempty"` // what was locked for it, if anything
	Tries     uint32          `json:"tries"`             // promises begun under this ref
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
	Doc       []byte          `json:"doc,omitempty"`    // the promise, as signed
	Answer    []byte          `json:"answer,omitempty"` // the other side's answer, as signed
	Shared    string          `json:"shared,omitempty"` // id in hex of a promise for several payments: see Evidence
	Steps     []Step          `json:"steps,omitempty"`  // how it came there, the last being State

	name string // under which it is stored
}

// Payment returns what the entry was made for.
func (e Entry) Payment() Payment {
	return Payment{Ref: e.Ref, Peer: e.Peer, Amount: e.Amount, Memo: e.Memo}
}

// Same returns ErrConflict unless p is the payment that e stands for. The memo
// does not matter.
func (e Entry) Same(p Payment) error {
	if e.Ref != p.Ref || e.Peer != p.Peer || e.Amount != p.Amount {
		return fmt.Errorf("%s is %s with %s: %w", e.Ref, e.Amount, e.Peer.Short(), ErrConflict)
	}
	return nil
}

// Step is one state an entry was in.
type Step struct {
	State  State     `json:"state"`
	At     time.Time `json:"at"`               // when it was entered, the last time
	Times  uint32    `json:"times"`            // how often in a row it was entered
	Reason string    `json:"reason,omitempty"` // of the last time
}

// maxSteps is how many steps an entry keeps: the first, and of the others the
// latest.
const maxSteps = 64

// maxReason is the longest reason that is kept, in bytes.
const maxReason = 1024

// stepped returns the steps with one more; the slice is a new one.
func stepped(old []Step, next Step) []Step {
	if n := len(old); n > 0 && old[n-1].State == next.State {
		next.Times = old[n-1].Times + 1
		old = old[:n-1]
	}
	steps := append(make([]Step, 0, len(old)+1), old...)
	if len(steps) >= maxSteps {
		steps = append(steps[:1], steps[2:]...)
	}
	return append(steps, next)
}
