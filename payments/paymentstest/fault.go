package paymentstest

// Fault is something that goes wrong once, in the next exchange between payer
// and payee.
type Fault string

const (
	// LostRequest: the promise never reaches the payee; the payer cannot tell.
	LostRequest Fault = "lost request"
	// LostReply: the payee decides, its answer never arrives.
	LostReply Fault = "lost reply"
	// Duplicate: the promise reaches the payee twice.
	Duplicate Fault = "duplicate"
	// Late: the promise reaches the payee only after the payer gave up waiting.
	Late Fault = "late"
	// Refuses: the payee cannot be reached at all.
	Refuses Fault = "refuses connections"
)

// Faults are all of them.
var Faults = []Fault{LostRequest, LostReply, Duplicate, Late, Refuses}

// lossy reports whether a payer that meets f cannot know the outcome.
func (f Fault) lossy() bool { return f == LostRequest || f == LostReply || f == Late }
