// Package reputation turns receipts into scores. A score is a pure function of
// evidence and time; the evidence is receipts that this node was party to, kept
// in a Ledger and explained one by one.
//
// It refuses to take a stranger's word: only receipts with this node as payer
// or provider are admitted, and one that the other side did not countersign
// weighs less. It does no I/O beside its store and knows no clock: callers give
// the time. An unknown peer has the score 0, which is no error.
//
// The node calls it when it picks providers and serves clients; the command
// line calls VerifyReceipt, which needs no node.
package reputation
