// Package provider is the provider role: it quotes for strangers' work, runs
// it in the sandbox, commits to the result before it reveals it, and is paid.
//
// What it refuses to do: run anything that was not quoted for, run anything
// outside an [exec.Runner], start work whose charge its rail would not carry,
// reveal a result before every replica of the shard has committed, or sign a
// receipt for another amount than the one agreed and received.
//
// # An attempt's life
//
// One attempt is one execution of one shard for one aggregator. Its key is
// (aggregator, job, shard, attempt) and every request is idempotent by it:
// asking again joins what is under way or is answered from the store.
//
//	accepted -> running -> committed -> revealed -> settled
//	    any before settled -> failed | cancelled
//
// Each state is written to the store before the aggregator can see it. After
// a crash, attempts that were accepted or running start over (the runner has
// removed their containers); committed ones answer from the store.
//
// # Price
//
// A quote is an offer for its validity. The first Accept of a job that comes
// in time fixes the rate for that job until the job's deadline, so that later
// shards and adjudications cost what was quoted.
//
// # Promises
//
// What an aggregator promised of audits is held against what it discloses after
// the job (disclose.go). Who neither pays nor objects to a result by a while
// after its job's deadline owes it: a receipt says so, and no new quote is given
// until the money has come (owed.go). A validator is a provider with a flat
// price.
//
// The node composes it (package node); nobody else calls it.
package provider
