// Package sha computes the SHA-256 of many blocks at once.
//
// In one SHA-256 each step needs the one before, and most of the processor
// waits. Blocks are independent of each other: two of them go side by side
// through the SHA extensions in the time of one, eight go through an AVX2 unit
// together and sixteen through an AVX-512 one. Where none of these exists, Sum
// is crypto/sha256 in a loop. Which way wins is measured, once in a process:
// processors that have the same instructions differ by far in how fast these
// are.
//
// The package hashes and does nothing else: it starts no goroutine, keeps no
// buffer between calls and never reads a block after Sum has returned. Package
// blob calls it, from as many goroutines as it has cores to spend.
package sha

import (
	"cmp"
	"crypto/sha256"
	"slices"
)

// Sum writes the SHA-256 of each block to the same place in sums. The blocks
// may differ in length and may be the same memory. It panics if sums is the
// shorter of the two. It is fastest for Lanes blocks, or a multiple, of one
// length.
func Sum(sums [][32]byte, blocks [][]byte) {
	sum(sums[:len(blocks)], blocks, chosen())
}

// Lanes is how many blocks of equal length are worth collecting for one call
// of Sum; 1 where nothing is won by it.
func Lanes() int {
	lanes := 1
	for _, u := range chosen() {
		lanes = max(lanes, u.width)
	}
	return lanes
}

// sum hashes blocks of like length together and others alone. The units are in
// the order of preference.
func sum(sums [][32]byte, blocks [][]byte, units []unit) {
	for order := longestFirst(blocks); len(order) > 0; {
		n, u := 1, unit{}
		for _, u = range units {
			if n = u.take(blocks, order); n > 1 {
				break
			}
		}
		if n <= 1 {
			sums[order[0]] = sha256.Sum256(blocks[order[0]])
			order = order[1:]
			continue
		}
		var g group
		for lane, i := range order[:n] {
			g.put(lane, blocks[i])
		}
		g.run(u.compress)
		for lane, i := range order[:n] {
			sums[i] = g.sum(lane)
		}
		order = order[n:]
	}
}

// longestFirst is the blocks' places, so that like comes to like.
func longestFirst(blocks [][]byte) []int {
	order := make([]int, len(blocks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(blocks[b]), len(blocks[a])) })
	return order
}
