// Package wire holds everything that peers sign: one Go type for each kind of
// document, with its limits, and the one way to make, read and check them.
//
// A document is a NIP-01 event (canonical id, BIP-340 signature), so any NOSTR
// tool can verify what this network calls evidence. A message's fields are the
// event's tags, a list being one tag with many values; numbers are decimal
// strings; the tag v is the version. Ephemeral kinds also carry a nonce (n) and
// an expiration (NIP-40).
//
//	Message --Seal--> Event --WriteEvent--> stream --ReadEvent--> Event --Guard--> --Decode--> Message
//
// The order matters. Sizes are held to their limits before memory is taken,
// the id and the signature are both checked before any tag is read, time and
// replay are checked next, and only then is the content looked at. What was
// signed is never made again from a decoded message in order to check it.
//
// Times are unix seconds, or milliseconds where a field's name ends in MS.
// Amounts are integers in the unit named beside them. No field is a float.
//
// The package refuses: JSON with unknown, repeated or missing fields or bytes
// after it; hex in upper case; numbers with more than one spelling; text that
// is not UTF-8 or holds control characters NIP-01 cannot spell; documents of
// another version; a tag it knows occurring twice; any field outside its limit.
// It ignores tags it does not know, so that a later version may add some. It
// does not decide whether what a document says is true, wanted or paid for.
//
// It is a leaf beside p2p/identity: dht, payments, reputation, node and cmd
// call it. Stores and runners have no business with documents.
package wire
