// Package gossip spreads the few documents that everybody may know: each
// node's daily digest of opinions, and proofs of fraud. New ones go over
// gossipsub; what a peer missed (it was off, parted, or behind a relay) comes
// by reconciliation of sets with one peer at a time.
//
// It refuses what is larger than MaxDocument, of another kind than its topic's,
// dated ahead of the clock, sent faster than the limits, or not accepted by the
// Set. It holds no documents itself, knows nothing of what they mean and never
// judges a peer by what others say: Set and Config do.
//
// Called by node, which puts the replicated set of package reputation behind
// Set. New starts nothing; Run owns every goroutine.
package gossip
