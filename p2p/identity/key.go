package identity

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Key is a node's secret key. Its public point always has even Y. It is safe
// for concurrent use and must not be copied into logs: it prints as its npub.
type Key struct {
	secret *btcec.PrivateKey
	host   crypto.PrivKey
	pub    PubKey
	id     peer.ID
}

// Generate makes a key from the system's random source.
func Generate() (*Key, error) {
	for {
		var sk [32]byte
		if _, err := rand.Read(sk[:]); err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		// One draw in 2^128 is not below the group order.
		if k, err := FromSecret(sk); err == nil {
			return k, nil
		}
	}
}

// FromSecret makes the key of a 32-byte big-endian secret, negated when its
// point has odd Y: both secrets sign for the same npub under BIP-340, and one
// of them has the peer ID we want. A secret out of range is ErrBadSecret.
func FromSecret(sk [32]byte) (*Key, error) {
	var d btcec.ModNScalar
	if overflow := d.SetBytes(&sk); overflow != 0 || d.IsZero() {
		return nil, ErrBadSecret
	}
	if point := btcec.PrivKeyFromScalar(&d).PubKey().SerializeCompressed(); point[0] != evenY {
		d.Negate()
	}
	secret := btcec.PrivKeyFromScalar(&d)
	host, err := crypto.UnmarshalSecp256k1PrivateKey(secret.Serialize())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSecret, err)
	}
	pub := PubKey(schnorr.SerializePubKey(secret.PubKey()))
	id, err := pub.PeerID()
	if err != nil {
		return nil, err
	}
	return &Key{secret: secret, host: host, pub: pub, id: id}, nil
}

// PubKey returns the public key.
func (k *Key) PubKey() PubKey { return k.pub }

// PeerID returns the libp2p name of the key.
func (k *Key) PeerID() peer.ID { return k.id }

// Libp2p returns the key as a libp2p host wants it.
func (k *Key) Libp2p() crypto.PrivKey { return k.host }

// String returns the npub, never the secret.
func (k *Key) String() string { return k.pub.String() }

// Format prints the npub whatever the verb: by %d alone a struct shows its
// fields. The receiver is a value so that a copied Key is covered too.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.pub.String()) }

// Verify reports whether sig is the BIP-340 signature of digest by p. A p that
// is not on the curve verifies nothing.
func Verify(p PubKey, digest [32]byte, sig [64]byte) bool {
	pub, err := schnorr.ParsePubKey(p[:])
	if err != nil {
		return false
	}
	s, err := schnorr.ParseSignature(sig[:])
	if err != nil {
		return false
	}
	return s.Verify(digest[:], pub)
}
