package identity

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// evenY is the first byte of a compressed point whose y is even (SEC 1).
const evenY = 0x02

// PeerID returns the libp2p name of the key: the identity multihash of the
// public key 0x02‖x. It fails with ErrBadPubKey when p is not on the curve.
func (p PubKey) PeerID() (peer.ID, error) {
	pub, err := crypto.UnmarshalSecp256k1PublicKey(append([]byte{evenY}, p[:]...))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadPubKey, err)
	}
	return peer.IDFromPublicKey(pub)
}

// FromPeerID returns the key that a peer ID names. It refuses with
// ErrBadPeerID other key types, odd Y, hashed (not inlined) keys, and any
// encoding of the key but the canonical one.
func FromPeerID(id peer.ID) (PubKey, error) {
	pub, err := id.ExtractPublicKey()
	if err != nil {
		return PubKey{}, fmt.Errorf("%w: %w", ErrBadPeerID, err)
	}
	if pub.Type() != pb.KeyType_Secp256k1 {
		return PubKey{}, fmt.Errorf("%w: it is %s", ErrBadPeerID, pub.Type())
	}
	raw, err := pub.Raw()
	if err != nil {
		return PubKey{}, fmt.Errorf("%w: %w", ErrBadPeerID, err)
	}
	if len(raw) != 33 || raw[0] != evenY {
		return PubKey{}, fmt.Errorf("%w: its Y is odd", ErrBadPeerID)
	}
	p := PubKey(raw[1:])
	// The protobuf inside can be written in more than one way; one peer must
	// not be able to appear under two IDs.
	if back, err := p.PeerID(); err != nil || back != id {
		return PubKey{}, fmt.Errorf("%w: not in canonical form", ErrBadPeerID)
	}
	return p, nil
}
