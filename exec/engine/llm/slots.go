package main

// worthCopying is how many tokens a beginning must have to be copied from a
// slot that is at work: a copy moves a whole slot's cache.
const worthCopying = 32

// slot is one sequence of the context and what its cache holds. Its cells
// stay when its work ends, for the next prompt that begins alike.
type slot struct {
	id    int
	cells []int  // the tokens whose keys and values are there, in order
	salt  string // only work of the same salt may make use of them
	used  uint64 // when it was last given work, by the scheduler's count
	seq   *sequence
}

// placement says where a prompt goes and what is there for it already.
type placement struct {
	slot, donor int // donor -1: nothing is copied
	reuse       int // tokens
}

// place chooses an idle slot for a prompt, or for the part of it that may come
// from a cache; ok is false when none is idle. The longest beginning counts.
func place(slots []*slot, prompt []int, salt string) (p placement, ok bool) {
	p = placement{slot: -1, donor: -1}
	shared := make([]int, len(slots))
	best := -1
	for i, s := range slots {
		if s.salt == salt {
			shared[i] = common(s.cells, prompt)
		}
		if best < 0 || shared[i] > shared[best] {
			best = i
		}
		if s.seq != nil {
			continue
		}
		if p.slot < 0 || better(s, slots[p.slot], shared[i], shared[p.slot]) {
			p.slot = i
		}
	}
	if p.slot < 0 {
		return p, false
	}
	p.reuse = shared[p.slot]
	if shared[best] >= worthCopying && shared[best] >= 2*p.reuse && best != p.slot {
		p.donor, p.reuse = best, shared[best]
	}
	return p, true
}

// better says whether slot a is to be taken before b for a prompt that shares
// so much with each: where most of the cache is of use, else where the least
// is lost.
func better(a, b *slot, sharedA, sharedB int) bool {
	useA, useB := 2*sharedA >= len(a.cells) && sharedA > 0, 2*sharedB >= len(b.cells) && sharedB > 0
	switch {
	case useA != useB:
		return useA
	case useA && sharedA != sharedB:
		return sharedA > sharedB
	case (len(a.cells) == 0) != (len(b.cells) == 0):
		return len(a.cells) == 0
	}
	return a.used < b.used
}

// common is the length of the common beginning.
func common(a, b []int) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
