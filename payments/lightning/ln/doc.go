// Package ln is the seam between the lightning rail and a Lightning node: the
// calls that the rail makes, what each of them promises, and the errors by which
// it tells what is certain.
//
// The drivers are packages below this one: lnd (gRPC to an lnd node), nwc
// (NIP-47, a wallet behind a NOSTR relay) and, for tests, the fake of lntest.
// All three pass lntest.Conformance. The package bolt11 reads invoices without
// asking anybody.
//
// A driver refuses to decide anything for the rail: it has no journal, no
// ceiling and no timers of its own, and it repeats no payment. It sees keys of
// the Lightning node nowhere: those stay in the node.
//
// The states of an invoice, as the payee's node tells them:
//
//	from      to                  means
//	(none)    open                CreateInvoice, CreateHold
//	open      accepted            the HTLCs of a hold invoice are all there
//	open      settled             an ordinary invoice was paid
//	open      canceled            Cancel, or the invoice's expiry passed
//	accepted  settled             Settle, with the preimage
//	accepted  canceled            Cancel, or the node gave the HTLCs back by itself
//	                              SafetyBlocks before they expire
//	settled canceled              terminal
//
// The states of a payment, as the payer's node tells them: in flight, then
// succeeded or failed, which are terminal; a failed one may be tried again.
package ln
