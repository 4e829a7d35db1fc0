// Package sha computes the SHA-256 of many blocks at once.
//
// One stream of SHA-256 cannot use a wide processor: each step needs the one
// before. Blocks are independent of each other, so sixteen of them can go
// through one AVX-512 unit together. Where that does not win, or does not
// exist, Sum is crypto/sha256 in a loop. Which of the two wins is measured, once
// in a process: processors with AVX-512 differ by far, and so do those with
// instructions for SHA-256.
//
// The package hashes and does nothing else: it starts no goroutine, keeps no
// buffer between calls and never reads a block after Sum has returned. Package
// blob calls it, from as many goroutines as it has cores to spend.
package sha

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sync"
)

// width is how many messages one step of compress16 takes.
const width = 16

// Sum writes the SHA-256 of each block to the same place in sums. The blocks
// may differ in length and may be the same memory. It panics if sums is the
// shorter of the two. It is fastest for Lanes blocks, or a multiple, of one
// length.
func Sum(sums [][32]byte, blocks [][]byte) {
	sums = sums[:len(blocks)]
	if len(blocks) < 2 || atLeast() > width {
		each(sums, blocks)
		return
	}
	sum(sums, blocks, atLeast())
}

// Lanes is how many blocks of equal length are worth collecting for one call
// of Sum; 1 where nothing is won by it.
func Lanes() int {
	if atLeast() > width {
		return 1
	}
	return width
}

// atLeast is how many blocks of one length must come together to be hashed
// faster than one by one; above width where that is never so. It is a fact
// about the processor, found once.
var atLeast = sync.OnceValue(func() float64 {
	if !canWide() {
		return never
	}
	return measure()
})

// sum hashes blocks of like length together and others alone.
func sum(sums [][32]byte, blocks [][]byte, atLeast float64) {
	if uniform(blocks) {
		for len(blocks) > 0 {
			n := min(width, len(blocks))
			if float64(n) < atLeast {
				each(sums, blocks)
				return
			}
			var g group
			for i, b := range blocks[:n] {
				g.put(i, b)
			}
			g.run(func(lane int, sum [32]byte) { sums[lane] = sum })
			sums, blocks = sums[n:], blocks[n:]
		}
		return
	}
	order := make([]int, len(blocks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(blocks[b]), len(blocks[a])) })
	for len(order) > 0 {
		n := min(width, len(order))
		// The longest decides how long the others' lanes are taken.
		work, total := 0, 0
		for _, i := range order[:n] {
			total += steps(blocks[i])
		}
		if work = steps(blocks[order[0]]); float64(total) < atLeast*float64(work) {
			sums[order[0]] = sha256.Sum256(blocks[order[0]])
			order = order[1:]
			continue
		}
		var g group
		for lane, i := range order[:n] {
			g.put(lane, blocks[i])
		}
		here := order[:n]
		g.run(func(lane int, sum [32]byte) { sums[here[lane]] = sum })
		order = order[n:]
	}
}

func each(sums [][32]byte, blocks [][]byte) {
	for i, b := range blocks {
		sums[i] = sha256.Sum256(b)
	}
}

func uniform(blocks [][]byte) bool {
	for _, b := range blocks[1:] {
		if len(b) != len(blocks[0]) {
			return false
		}
	}
	return true
}
