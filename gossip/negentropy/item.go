package negentropy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
)

// Item is one element of a set: a date in unix seconds (not negative) and an id
// that is unique in the set.
type Item struct {
	At int64
	ID [32]byte
}

// Compare orders items by date, then by id.
func Compare(a, b Item) int {
	if c := cmp.Compare(a.At, b.At); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// Vector is an unchanging set in order, ready to tell the fingerprint of any
// range at once. It is safe for concurrent use.
type Vector struct {
	items []Item
	// sums[i] is the sum of the ids before i, so that a range's is a difference.
	sums []sum
}

// NewVector takes the items over: it sorts them, and drops repeated ones and
// those with a negative date, which have no place in a message.
func NewVector(items []Item) *Vector {
	items = slices.DeleteFunc(items, func(i Item) bool { return i.At < 0 || i.At >= infinity })
	slices.SortFunc(items, Compare)
	items = slices.Compact(items)
	v := &Vector{items: items, sums: make([]sum, len(items)+1)}
	for i, it := range items {
		v.sums[i+1] = v.sums[i].plus(it.ID)
	}
	return v
}

// Len is the number of items.
func (v *Vector) Len() int { return len(v.items) }

// Items are the set's, in order; the caller does not change them.
func (v *Vector) Items() []Item { return v.items }

// fingerprint is the protocol's: the first half of the SHA-256 of the sum of the
// ids, as little-endian numbers modulo 2^256, and their count.
func (v *Vector) fingerprint(lower, upper int) (out [fingerprintLen]byte) {
	buf := v.sums[upper].minus(v.sums[lower]).bytes(make([]byte, 0, 48))
	full := sha256.Sum256(appendVarint(buf, uint64(upper-lower)))
	copy(out[:], full[:])
	return out
}

// find returns the first index from begin on that is not below the bound.
func (v *Vector) find(begin int, b bound) int {
	return begin + sort.Search(len(v.items)-begin, func(i int) bool { return !b.above(v.items[begin+i]) })
}

// sum is a number of 256 bits, the lowest limb first.
type sum [4]uint64

func (s sum) plus(id [32]byte) (out sum) {
	var carry uint64
	for i := range s {
		out[i], carry = bits.Add64(s[i], binary.LittleEndian.Uint64(id[8*i:]), carry)
	}
	return out
}

func (s sum) minus(o sum) (out sum) {
	var borrow uint64
	for i := range s {
		out[i], borrow = bits.Sub64(s[i], o[i], borrow)
	}
	return out
}

func (s sum) bytes(b []byte) []byte {
	for _, limb := range s {
		b = binary.LittleEndian.AppendUint64(b, limb)
	}
	return b
}
