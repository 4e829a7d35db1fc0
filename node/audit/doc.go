// Package audit says how often a result is made sure of, and what that is worth.
//
// A result that nobody checks is a claim. Checking all of them doubles the cost
// of a job, so that a lottery chooses: this package holds its rates, by what is
// known of the provider, and the arithmetic with which a rate is judged. The
// lottery itself is in p2p/wire, where both sides replay it; the job's machine
// asks for the rate, the estimate for the prediction.
//
// It is pure: no clock, no randomness, no I/O, and it knows neither documents
// nor jobs. Rates are whole parts per million (ppm), so that every node draws
// the same; probabilities that are only shown are float64.
//
// The rule is that of BOINC's adaptive replication (all of a host's first ten
// results, then one in as many as were valid) with a floor, as a provider that
// is never looked at has nothing to lose, and with the coupling of audit and
// credit: who cheats gains a share g of a price and loses the c shards that are
// unpaid when it is caught, so that cheating does not pay from g/(g+c) on.
package audit
