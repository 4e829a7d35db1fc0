package job

import "time"

// Bounds of the machine.
const (
	MaxLog    = 256    // transitions kept in a job
	MaxShards = 10_000 // shards of a job, those with a known answer not counted
	MaxKnown  = 5_000  // shards with a known answer

	offerTimeout  = 20 * time.Second // an Accept not answered
	revealTimeout = 30 * time.Second // a reveal not sent
	runSlack      = 5 * time.Second  // for hashing a result and sending its commit
	quoteMargin   = time.Second      // a quote must live this long to be accepted

	stragglerFactor = 2
	stragglerFloor  = 3 * time.Second

	heardWithin     = 30 * time.Second // a provider that gave a sign of life so long ago was there
	maxShare        = 5                // a provider gets one part in so many of a job
	bandWidth       = 1.25             // work is dealt among those whose rank is at least best/bandWidth
	explorePPM      = 100_000          // of draws are among newcomers
	spotFloorPPM    = 50_000           // of agreements, a trusted validator checks at least
	defaultProbePPM = 50_000           // of what a validator gets comes with a probe
	knownWeight     = 2                // of a known answer, in results: it rests on two at least
	maxKnownNot     = 1024             // operators that saw a canary
	maxApart        = 8                // keys of a candidate
	maxReplays      = 3                // of one result

	maxFaults        = 2 // of a provider in a job, then it is left alone
	maxStarved       = 4 // answers in a row without anybody for a shard that had somebody
	maxSettleTries   = 4 // of a payment that certainly did not happen
	maxUnknownTries  = 3 // of one that may have happened
	maxVerdictTries  = 3 // of telling a provider that it is not paid
	settleGrace      = 2 * time.Minute
	maxBackoff       = 30 * time.Second
	maxMergeOverstay = 2 * settleGrace

	// NewcomerOpen is how many undecided shards a provider holds that was never right.
	NewcomerOpen = 2
)

// MaxAttempts is how many attempts a shard may use up, those stopped by this
// side not counted: enough for a round and the decision of a dispute, after losses.
func (s Spec) MaxAttempts() int {
	if s.Verify.Mode == VerifyNone {
		return 5
	}
	return 3*int(max(s.Verify.Replicas, 2)) + 2
}

// backoff is 2, 4, 8, 16, then 30 seconds.
func backoff(n uint32) time.Duration {
	if n >= 5 {
		return maxBackoff
	}
	return min(maxBackoff, time.Second<<max(n, 1))
}

// Codes of a Reason.
const (
	CodeNoProvider   = "no_provider"   // nobody matches
	CodeNoneLeft     = "none_left"     // everybody who matched was used up
	CodeBudget       = "budget"        // payment.max does not allow another attempt
	CodeBudgetWait   = "budget_wait"   // another attempt must wait for money to come free
	CodeFunds        = "funds"         // this node's wallet gives no more, whoever is paid
	CodeTimeout      = "timeout"       // timeouts.job has passed
	CodeCancelled    = "cancelled"     // somebody wished so
	CodeAttempts     = "attempts"      // too many attempts of one shard
	CodeTask         = "task_failed"   // the task itself ends badly, on whoever runs it
	CodeMerge        = "merge_failed"  //
	CodeSuperseded   = "superseded"    // another copy was faster
	CodeExcluded     = "excluded"      // the provider was caught elsewhere
	CodeLate         = "late"          // no commit in time
	CodeNever        = "never"         // no answer to the offer
	CodeUnreachable  = "unreachable"   // the connection was lost and did not come back
	CodeRefused      = "refused"       // the provider declined
	CodeNoReveal     = "no_reveal"     // committed, and never revealed
	CodeNotFetched   = "not_fetched"   // revealed, and never delivered
	CodeWrongReveal  = "wrong_reveal"  // the reveal does not open the commit
	CodeWrongSize    = "wrong_size"    // the result is of another size than committed to
	CodeWrongUnits   = "wrong_units"   // the commit counts other work than was given
	CodeCopied       = "copied_commit" // another's commit
	CodeMismatch     = "mismatch"      // outside the agreeing group
	CodeInconclusive = "inconclusive"  // the results could not be compared
	CodeUnpaid       = "unpaid"        // the payment certainly did not happen
	CodeUnknown      = "unknown"       // whether the payment happened is not known
	CodeProtocol     = "protocol"      // a malformed document, or one for something else
	CodeOffline      = "offline"       // this node's own network was down
	CodeCaught       = "caught"        // its provider was caught in another shard
	CodeCanary       = "canary"        // a shard that checks the providers was given up
	CodeCanaryWrong  = "canary_wrong"  // independent providers agree with each other and not with the known answer
)

// outage reports whether a code is what a provider that went away looks like.
// All that one outage breaks counts as one fault.
func outage(code string) bool {
	switch code {
	case CodeLate, CodeNever, CodeUnreachable, CodeNoReveal, CodeNotFetched:
		return true
	}
	return false
}

// lie reports whether a code is a message that contradicts itself or another's.
func lie(code string) bool {
	switch code {
	case CodeWrongReveal, CodeWrongSize, CodeWrongUnits, CodeCopied, CodeMismatch:
		return true
	}
	return false
}
