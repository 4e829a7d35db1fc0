package job

// State is where a job stands.
type State string

// The states of a job, in the order of an undisturbed life. Done, Failed,
// Cancelled and Expired are terminal.
const (
	StateNone       State = ""           // the zero Job: only Submit is legal
	StateSubmitted  State = "submitted"  // accepted and journalled
	StateMatching   State = "matching"   // looking for providers
	StateDispatched State = "dispatched" // offers are out, nobody has answered yet
	StateRunning    State = "running"    // at least one provider works
	StateVerifying  State = "verifying"  // every shard has its commits in
	StateSettling   State = "settling"   // every shard is decided; money or the merge is under way
	StateDone       State = "done"
	StateFailed     State = "failed"
	StateCancelled  State = "cancelled"
	StateExpired    State = "expired"
)

// Terminal reports whether a job in this state never changes state again.
func (s State) Terminal() bool {
	switch s {
	case StateDone, StateFailed, StateCancelled, StateExpired:
		return true
	}
	return false
}

// ShardState is where one shard stands.
type ShardState string

// The states of a shard. Paid and Rejected are final.
const (
	ShardQueued       ShardState = "queued"       // nobody works on it
	ShardOffered      ShardState = "offered"      // an Accept is out
	ShardAccepted     ShardState = "accepted"     // a provider took it
	ShardFunded       ShardState = "funded"       // its price is held; on credit this is the reserve made before the offer
	ShardRunning      ShardState = "running"      // a provider runs it
	ShardCommitted    ShardState = "committed"    // all commits of the round are in, reveals requested
	ShardRevealed     ShardState = "revealed"     // all reveals are in
	ShardAdjudicating ShardState = "adjudicating" // no group was big enough; another provider decides
	ShardVerified     ShardState = "verified"     // a result stands
	ShardPaid         ShardState = "paid"         // a result stands and its providers are settled
	ShardRejected     ShardState = "rejected"     // no result; Reason says why
)

// Final reports whether the shard never changes again.
func (s ShardState) Final() bool { return s == ShardPaid || s == ShardRejected }

// AttemptState is where one run of one shard by one provider stands.
type AttemptState string

// The states of an attempt. Settled, Lost and Cancelled are final; OK and Bad
// wait only for their settlement.
const (
	AttemptOffered   AttemptState = "offered"
	AttemptAccepted  AttemptState = "accepted"
	AttemptRunning   AttemptState = "running"
	AttemptCommitted AttemptState = "committed"
	AttemptRevealing AttemptState = "revealing" // the reveal was requested
	AttemptRevealed  AttemptState = "revealed"  // the reveal matches the commit; its bytes are being fetched
	AttemptFetched   AttemptState = "fetched"   // its bytes are here and are what was revealed
	AttemptOK        AttemptState = "ok"        // in the agreeing group
	AttemptBad       AttemptState = "bad"       // outside the agreeing group
	AttemptLost      AttemptState = "failed"    // no usable result
	AttemptCancelled AttemptState = "cancelled" // stopped by this side, nobody's fault
	AttemptSettled   AttemptState = "settled"   // its verdict and payment are certain
)

// Live reports whether the attempt can still bring a result.
func (s AttemptState) Live() bool {
	switch s {
	case AttemptOffered, AttemptAccepted, AttemptRunning, AttemptCommitted,
		AttemptRevealing, AttemptRevealed, AttemptFetched:
		return true
	}
	return false
}

// Busy reports whether the attempt holds a slot of its provider.
func (s AttemptState) Busy() bool {
	return s == AttemptOffered || s == AttemptAccepted || s == AttemptRunning
}

// In reports whether the attempt is live and its commit is in.
func (s AttemptState) In() bool { return s.Live() && !s.Busy() }
