// Package bolt11 reads Lightning invoices (BOLT 11) and checks their signatures,
// so that who is about to pay knows by himself whom, how much and for what.
//
// It refuses what the standard says to refuse: a wrong checksum, an unknown
// network, an amount below a millisatoshi, an unknown feature that is required,
// a signature that nobody made. It reads no fallback address and no routing
// hints, which are the paying node's business, and writes no invoices. The
// lightning rail and its drivers call it.
package bolt11
