package blob

import (
	"crypto/sha256"
	"fmt"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// cidLen is the length of every accepted CID in bytes: version, codec, hash
// function, hash length, 32 bytes of sha2-256.
const cidLen = 4 + sha256.Size

// parseCID reads the text form, in any multibase.
func parseCID(s string) (cid.Cid, error) {
	if len(s) > 128 {
		return cid.Undef, fmt.Errorf("%w: %d characters", ErrCID, len(s))
	}
	c, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: %q: %w", ErrCID, s, err)
	}
	return c, checkCID(c)
}

// castCID reads the binary form.
func castCID(b []byte) (cid.Cid, error) {
	if len(b) != cidLen {
		return cid.Undef, fmt.Errorf("%w: %d bytes", ErrCID, len(b))
	}
	c, err := cid.Cast(b)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: %w", ErrCID, err)
	}
	return c, checkCID(c)
}

// checkCID holds the profile: a CID of another hash could not be verified
// cheaply, an identity CID would carry data past the limits.
func checkCID(c cid.Cid) error {
	p := c.Prefix()
	if p.Version != 1 || p.MhType != mh.SHA2_256 || p.MhLength != sha256.Size ||
		(p.Codec != cid.Raw && p.Codec != cid.DagProtobuf) {
		return fmt.Errorf("%w: %s", ErrCID, c)
	}
	return nil
}

// makeCID names bytes whose hash is sum.
func makeCID(codec byte, sum [sha256.Size]byte) cid.Cid {
	var hash [2 + sha256.Size]byte
	hash[0], hash[1] = mh.SHA2_256, sha256.Size
	copy(hash[2:], sum[:])
	return cid.NewCidV1(uint64(codec), hash[:])
}

// digest returns the hash inside c.
func digest(c cid.Cid) (sum [sha256.Size]byte) {
	copy(sum[:], c.KeyString()[4:])
	return sum
}

// isRaw tells a leaf or one-block file from a dag-pb node.
func isRaw(c cid.Cid) bool { return c.Type() == cid.Raw }
