package payments

import "errors"

// Outcome is what is certain about a charge after a call.
type Outcome string

const (
	// Charged: the payee has it and has signed for it.
	Charged Outcome = "charged"
	// NotCharged: nothing moved; paying in another way is safe.
	NotCharged Outcome = "not charged"
	// OutcomeUnknown: it may have moved; only the same Ref may be tried again.
	OutcomeUnknown Outcome = "unknown"
)

// Error is a failed payment together with what is certain about it.
type Error struct {
	Ref     Ref
	Outcome Outcome
	Err     error
}

// Error says what failed and what is certain.
func (e *Error) Error() string {
	certain := string(e.Outcome)
	if e.Outcome == OutcomeUnknown {
		certain = "charged or not: unknown, do not pay in another way"
	}
	return "payment " + string(e.Ref) + ": " + e.Err.Error() + " (" + certain + ")"
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail returns err as an *Error; err must not be nil.
func Fail(ref Ref, o Outcome, err error) error {
	return &Error{Ref: ref, Outcome: o, Err: err}
}

// OutcomeOf returns what is certain after Pay returned err: Charged for nil,
// unknown for an error that does not say.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Charged
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome
	}
	return OutcomeUnknown
}
