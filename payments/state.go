package payments

import "fmt"

// State is what this node knows of a payment.
type State string

const (
	// StateQuoted: the payee expects it; nothing was promised yet.
	StateQuoted State = "quoted"
	// StateHeld: the payer wrote down a promise that may be on its way.
	StateHeld State = "held"
	// StateCaptured: charged, certainly; both sides signed. Terminal.
	StateCaptured State = "captured"
	// StateReleased: not charged, certainly. It may be tried again.
	StateReleased State = "released"
	// StateUnknown: sent, and no answer that settles it was seen.
	StateUnknown State = "unknown"
)

// Validate returns ErrSyntax for a state that is none of the five.
func (s State) Validate() error {
	switch s {
	case StateQuoted, StateHeld, StateCaptured, StateReleased, StateUnknown:
		return nil
	}
	return fmt.Errorf("state %.20q: %w", string(s), ErrSyntax)
}

// Terminal reports whether the state never changes again.
func (s State) Terminal() bool { return s == StateCaptured }

// Outcome says what is certain of the charge in this state; where there is no
// entry, which is the empty state, nothing was charged.
func (s State) Outcome() Outcome {
	switch s {
	case StateCaptured:
		return Charged
	case "", StateQuoted, StateReleased:
		return NotCharged
	case StateHeld, StateUnknown:
		return OutcomeUnknown
	}
	return OutcomeUnknown
}

// Open reports whether the reconciler still has something to find out or to
// wait for.
func (s State) Open() bool {
	switch s {
	case StateQuoted, StateHeld, StateUnknown:
		return true
	case "", StateCaptured, StateReleased:
		return false
	}
	return true
}

// payable returns an error unless a payer may begin a promise from this state;
// the empty state is that of no entry.
func (s State) payable() error {
	switch s {
	case "", StateQuoted, StateReleased:
		return nil
	case StateHeld, StateUnknown, StateCaptured:
		return fmt.Errorf("begin from %s: %w", s, ErrTransition)
	}
	return s.Validate()
}

// expectable returns an error unless a payee may begin to expect from this
// state. Expecting twice changes nothing and is settled before this is asked.
func (s State) expectable() error {
	switch s {
	case "", StateReleased:
		return nil
	case StateQuoted, StateHeld, StateUnknown, StateCaptured:
		return fmt.Errorf("expect from %s: %w", s, ErrTransition)
	}
	return s.Validate()
}

// capturable returns an error unless evidence of the charge may be entered.
func (s State) capturable() error {
	switch s {
	// With no entry or a released one the evidence still decides: a rail that
	// finds its promise honoured must be able to say so.
	case "", StateQuoted, StateHeld, StateUnknown, StateReleased:
		return nil
	case StateCaptured:
		return fmt.Errorf("capture from %s: %w", s, ErrTransition)
	}
	return s.Validate()
}

// releasable returns an error unless the payment may be declared not charged.
func (s State) releasable() error {
	switch s {
	case StateQuoted, StateHeld, StateUnknown:
		return nil
	case "", StateCaptured, StateReleased:
		return fmt.Errorf("release from %q: %w", string(s), ErrTransition)
	}
	return s.Validate()
}

// losable returns an error unless the outcome may become unknown.
func (s State) losable() error {
	switch s {
	case StateHeld, StateUnknown: // again, with another reason
		return nil
	case "", StateQuoted, StateCaptured, StateReleased:
		return fmt.Errorf("lose sight from %q: %w", string(s), ErrTransition)
	}
	return s.Validate()
}

// Step returns ErrTransition unless an entry in state s (empty: no entry) may
// next be in state to.
func (s State) Step(to State) error {
	switch to {
	case StateQuoted:
		return s.expectable()
	case StateHeld:
		return s.payable()
	case StateCaptured:
		return s.capturable()
	case StateReleased:
		return s.releasable()
	case StateUnknown:
		return s.losable()
	}
	return to.Validate()
}
