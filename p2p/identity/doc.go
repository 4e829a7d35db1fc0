// Package identity holds the one key a node has and the two names that key
// goes by: the NOSTR public key (npub, NIP-19) and the libp2p peer ID.
//
// The key is a secp256k1 key normalised to even Y. BIP-340 public keys are
// x-only, so without that rule one npub would have two peer IDs. With it each
// name is computed from the other, offline and both ways, and the peer at the
// end of an authenticated stream is the author of the documents it signs:
// there is no binding to look up and none to forge.
//
// The package makes keys, signs 32-byte digests (BIP-340) and keeps a key in a
// file: nsec text readable by its owner alone, or ncryptsec (NIP-49) when a
// passphrase is given.
//
// It refuses to read a key file that other users can read, to overwrite any
// file, to accept an npub that is not a point of the curve, and to accept a
// peer ID of another key type, of odd Y, or not in its one canonical encoding.
// It holds no money keys and derives none: those are separate by design.
//
// It is a leaf: packages p2p, p2p/wire, dht, payments, reputation, node and
// cmd/infernet call it, and it calls none of them.
package identity
