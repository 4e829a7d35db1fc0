// Package payments moves an Amount to a peer for a Ref, at most once, and keeps
// a journal that can say of every payment whether it was charged, was not, or
// is not known yet.
//
// It holds what all rails share: integer amounts with a unit, the one price
// function, the journal with its states, and the Rail interface. A rail proper
// (mutual credit, later others) lives in a package of its own below this one
// and passes the conformance suite of paymentstest.
//
// It refuses to convert between units, to use floating point, to round, and to
// call a payment failed when its outcome was merely not seen: that is StateUnknown,
// and the only safe thing to do with it is to ask again under the same Ref.
//
// The states of an entry; every other change is refused with ErrTransition:
//
//	from      to                            means
//	(none)    quoted held captured          first entry
//	quoted    held captured released        an expected payment begins, arrives, or is given up
//	held      captured released unknown     the promise left, or may have left, this node
//	unknown   captured released unknown     the other side's answer was found, or still not
//	released  quoted held captured          tried again under the same Ref
//	captured                                terminal
//
// The journal is double-entry: what an entry means for the accounts of the peer
// follows from its state alone (Books), so that sums are kept as entries change
// and can be proved from the entries at any time (Verify). Each entry keeps the
// states it was in. A rail's own business with money is in the same journal,
// under refs of a class (Ref.Class). A million entries are paged by time, peer
// or job without being read, and added up without being held.
//
// The node calls it: aggregators pay, providers expect.
package payments
