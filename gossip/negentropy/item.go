package negentropy

import (
	"bytes"
	"cmp"
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
