// Package schnorr checks signatures by BIP-340, in a quarter of the time that the
// library takes which this module signs with: a node reads many more signatures
// than it makes, and they are most of its work.
//
// What makes it fast: field elements of four words instead of ten, which the
// processor's 64-bit multiplication serves; the curve's endomorphism, which halves
// the doublings; one run through both products, of the generator (its multiples
// are computed once in a process) and of the key.
//
// It handles no secrets, and must not: the time it takes depends on what it is
// given. Nothing here is remembered of a signature or a key. package identity is
// what calls it; its tests hold it to the library's answers.
package schnorr
