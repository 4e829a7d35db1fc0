// Package nodetest runs whole nodes in one process, for tests of what only
// several of them can show. The nodes are real: real keys, libp2p on loopback,
// local APIs. Only the sandbox is scripted (exectest), so that a hundred tasks
// cost milliseconds and need no rights.
//
// Beside the nodes stand strangers that are made of the wire alone and say
// what a test wants: a Peer says anything, a Liar is a provider that keeps to
// a script, a Boss is an aggregator that a test leads step by step.
//
// A Member can be stopped and started again; it comes back at its address. The
// waits (Predicate, NoError, Invariant) are the only way to let time pass.
package nodetest
