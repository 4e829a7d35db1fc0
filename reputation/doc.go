// Package reputation turns receipts into scores. A score is a pure function of
// evidence and time; the evidence is receipts that this node was party to, kept
// in a Ledger and explained one by one.
//
// A Book adds what others say: Opinions is the set of digests and proofs of
// fraud that nodes replicate. Only proofs are believed, for they prove
// themselves. The word of a stranger adds to a score as far as this node's own
// money reaches it, by maximum flow over at most three steps and never beyond
// half of the evidence; its bad news asks for a closer look and lowers nothing.
//
//	receipts --Issue, AddReceipt--> Ledger --Digest--> others
//	others   --Add-->               Opinions
//	both     --Standing, Explain--> what is thought of a peer
//
// Receipts of one author towards one peer form a chain, each naming the one
// before, so that one left out is seen and two in one place are proof of fraud.
// Only Issue signs them. Only what was a peer's own fault counts against it.
//
// The package refuses to take a stranger's word: only receipts with this node
// as payer or provider are admitted, and one that the other side did not
// countersign weighs less. So do those of a job that this node gave to an
// aggregator to drive, which are that aggregator's word (AddDelegated). It does no I/O beside its store and knows no clock:
// callers give the time. An unknown peer has the score 0, which is no error.
//
// The node calls it when it picks providers and serves clients; the command
// line calls VerifyReceipt, VerifyBundle and VerifyChains, which need no node.
package reputation
