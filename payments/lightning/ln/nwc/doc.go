// Package nwc drives a wallet behind a NOSTR relay (NIP-47, «Nostr Wallet
// Connect»): requests are events of kind 23194, encrypted for the wallet with
// NIP-44, or NIP-04 where its description (kind 13194) knows nothing newer; where
// there is none nothing is sent. Answers are of kind 23195.
//
// It knows less than a node's own driver. NIP-47 has no limit for fees and none
// for blocks beyond what the invoice itself asks; it shows no channels and no
// HTLCs, so that ExpiryHeight stays 0; holds are an extension which a wallet may
// lack. What it lacks is ErrUnsupported, and Info tells it beforehand.
//
// A request carries its expiration (NIP-40): a wallet that was away must not pay
// later what we have given up. A wallet that knows nothing of a payment may have
// forgotten it: what it called failed is in doubt unless it says so of the payment
// too, and Track's ErrNotFound is no proof that nothing was paid.
//
// It refuses a relay without TLS unless on this machine, answers that the wallet
// did not sign, and answers of more than maxAnswer. The lightning rail calls it.
package nwc
