package wire

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// ID is 32 bytes that name something: an event (the SHA-256 of its canonical
// form), a job, a nonce, the hash of a secret. It is 64 lower-case hex digits
// in text. The zero value names nothing.
type ID [32]byte

// Hash is an ID that is a SHA-256 sum.
type Hash = ID

// RandomID draws an ID from the system's random source.
func RandomID() ID {
	var id ID
	rand.Read(id[:]) // never fails since Go 1.24: it ends the process instead
	return id
}

// ofLease is the bit that tells the names of leases from those of jobs. A job
// that is handed over has the name its client gives it, and what its aggregator
// then discloses must not contradict what it said of a lease.
const ofLease = 0x80

// JobID draws the name of a job.
func JobID() ID {
	id := RandomID()
	id[0] &^= ofLease
	return id
}

// LeaseID draws the name of an inference lease, which no job may have.
func LeaseID() ID {
	id := RandomID()
	id[0] |= ofLease
	return id
}

// OfLease reports whether id is one that a lease may have, and a job may not.
func (id ID) OfLease() bool { return id[0]&ofLease != 0 }

// ParseID reads 64 lower-case hex digits; anything else is ErrSyntax.
func ParseID(s string) (ID, error) {
	var id ID
	return id, parseHex(id[:], s)
}

// String returns 64 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first eight digits, for people.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// IsZero reports whether id is the zero value.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns what String returns.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what ParseID reads.
func (id *ID) UnmarshalText(text []byte) error { return parseHex(id[:], string(text)) }

// parseHex fills dst from exactly its length in lower-case hex digits.
func parseHex(dst []byte, s string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%w: %d hex digits, want %d", ErrSyntax, len(s), 2*len(dst))
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fmt.Errorf("%w: not lower-case hex", ErrSyntax)
		}
	}
	_, err := hex.Decode(dst, []byte(s))
	return err
}
