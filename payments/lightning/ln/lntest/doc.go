// Package lntest is a Lightning network in memory, for the tests of whatever
// talks to a Lightning node, and the suite that every driver passes.
//
// A Net has a chain, which is a height, and nodes with channels between them.
// Payments are HTLCs that lie on each hop until they are settled, given back or
// expire: they take balance and slots, a node that is stopped moves none, and
// one that is still there when its block comes is resolved on chain, at the
// price of the channel. As with lnd, a payee's node gives a hold back
// ln.SafetyBlocks before that, and a running node claims what it knows the
// preimage of claimBlocks before. Invoices are real ones (BOLT 11), signed with
// a key that each node has by its name.
//
// It models no fees on chain, no multi-part payments and no gossip: every node
// knows every channel and its balance. Only tests use it.
package lntest
