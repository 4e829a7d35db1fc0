// Package sha computes the SHA-256 of many blocks at once.
//
// One stream of SHA-256 cannot use a wide processor: each step needs the one
// before. Blocks are independent of each other, so sixteen of them can go
// through one AVX-512 unit together. Where that does not win, or does not
// exist, Sum is crypto/sha256 in a loop.
//
// The package hashes and does nothing else: it starts no goroutine, keeps no
// buffer between calls and never reads a block after Sum has returned. Package
// blob calls it, from as many goroutines as it has cores to spend.
package sha

import "crypto/sha256"

// Sum writes the SHA-256 of each block to the same place in sums. The blocks
// may differ in length and may be the same memory. It panics if sums is the
// shorter of the two.
func Sum(sums [][32]byte, blocks [][]byte) {
	_ = sums[:len(blocks)]
	for i, b := range blocks {
		sums[i] = sha256.Sum256(b)
	}
}

// Lanes is how many blocks of equal length are worth collecting for one call
// of Sum; 1 where nothing is won by it.
func Lanes() int { return 1 }
