package ln

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hash is a payment hash, or another SHA-256.
type Hash [32]byte

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Preimage is the secret whose SHA-256 is a payment hash. Who knows it can take
// what is locked on the hash: it has no String, so that no log shows it by
// chance.
type Preimage [32]byte

// Hash is what the preimage opens.
func (p Preimage) Hash() Hash { return sha256.Sum256(p[:]) }

// Format keeps the secret out of every text.
func (p Preimage) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(preimage)") }

// PubKey is a Lightning node's identity: a compressed secp256k1 point.
type PubKey [33]byte

// ParsePubKey reads 66 hex digits. It checks the form, not whether the point is
// on the curve.
func ParsePubKey(s string) (PubKey, error) {
	var k PubKey
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) || (b[0] != 2 && b[0] != 3) {
		return PubKey{}, fmt.Errorf("%w: %.80q is not a node's public key", ErrSpec, s)
	}
	copy(k[:], b)
	return k, nil
}

// String is the key in hex, or empty for the zero one.
func (k PubKey) String() string {
	if k == (PubKey{}) {
		return ""
	}
	return hex.EncodeToString(k[:])
}

// ChannelPoint names a channel by the output that funds it.
type ChannelPoint struct {
	TxID  string // hex, in the order that people and explorers write it
	Index uint32
}

// ParseChannelPoint reads txid:index.
func ParseChannelPoint(s string) (ChannelPoint, error) {
	txid, index, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(txid)
	n, nerr := strconv.ParseUint(index, 10, 32)
	if err != nil || nerr != nil || len(b) != 32 {
		return ChannelPoint{}, fmt.Errorf("%w: %.100q is not a channel: want txid:index", ErrSpec, s)
	}
	return ChannelPoint{TxID: txid, Index: uint32(n)}, nil
}

// String is txid:index.
func (p ChannelPoint) String() string { return p.TxID + ":" + strconv.FormatUint(uint64(p.Index), 10) }

// Ability is a set of what a node lets us do.
type Ability uint16

// What a node may let us do.
const (
	CanReceive  Ability = 1 << iota // CreateInvoice, Lookup, Subscribe
	CanHold                         // CreateHold, Settle, Cancel
	CanPay                          // Pay, Track
	CanBalance                      // Balance
	CanChannels                     // Channels
	CanOpen                         // OpenChannel, CloseChannel, NewAddress
)

// Has reports whether all of want are among a.
func (a Ability) Has(want Ability) bool { return a&want == want }

// String lists the abilities by words.
func (a Ability) String() string {
	var words []string
	for i, w := range []string{"receive", "hold", "pay", "balance", "channels", "open"} {
		if a&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " ")
}
