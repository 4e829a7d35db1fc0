package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
	"github.com/nbd-wtf/go-nostr/nip19"
)

// TestNames holds over 1000 random keys that one key has one npub and one peer
// ID, each computed from the other, and that libp2p and go-nostr agree.
func TestNames(t *testing.T) {
	t.Parallel()
	for range 1000 {
		k, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		pub := k.PubKey()
		if theirs, err := peer.IDFromPublicKey(k.Libp2p().GetPublic()); err != nil || theirs != k.PeerID() {
			t.Fatalf("libp2p names it %s (%v), we %s", theirs, err, k.PeerID())
		}
		if theirs, err := peer.IDFromPrivateKey(k.Libp2p()); err != nil || theirs != k.PeerID() {
			t.Fatalf("libp2p names the secret %s (%v)", theirs, err)
		}
		if theirs, err := nip19.EncodePublicKey(pub.Hex()); err != nil || theirs != pub.String() {
			t.Fatalf("go-nostr names it %s (%v), we %s", theirs, err, pub)
		}
		if id, err := pub.PeerID(); err != nil || id != k.PeerID() {
			t.Fatalf("npub to peer id: %s, %v", id, err)
		}
		if back, err := FromPeerID(k.PeerID()); err != nil || back != pub {
			t.Fatalf("peer id to npub: %s, %v", back, err)
		}
		for _, s := range []string{pub.String(), pub.Hex()} {
			if back, err := ParsePubKey(s); err != nil || back != pub {
				t.Fatalf("parse %s: %s, %v", s, back, err)
			}
		}
		var text PubKey
		if err := text.UnmarshalText([]byte(pub.String())); err != nil || text != pub {
			t.Fatalf("unmarshal: %s, %v", text, err)
		}
	}
}

// TestEvenY checks that a secret and its negative are one identity.
func TestEvenY(t *testing.T) {
	t.Parallel()
	odd := 0
	for i := range 64 {
		secret := sha256.Sum256([]byte{byte(i)})
		given, err := crypto.UnmarshalSecp256k1PrivateKey(secret[:])
		if err != nil {
			t.Fatal(err)
		}
		raw, err := given.GetPublic().Raw()
		if err != nil {
			t.Fatal(err)
		}
		k, err := FromSecret(secret)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(raw[1:]) != k.PubKey().Hex() {
			t.Errorf("secret %d: x changed", i)
		}
		id, err := peer.IDFromPublicKey(given.GetPublic())
		if err != nil {
			t.Fatal(err)
		}
		_, err = FromPeerID(id)
		if raw[0] == evenY && (err != nil || id != k.PeerID()) {
			t.Errorf("secret %d: even key refused or renamed: %v", i, err)
		}
		if raw[0] != evenY {
			odd++
			if !errors.Is(err, ErrBadPeerID) {
				t.Errorf("secret %d: odd key taken: %v", i, err)
			}
		}
		digest := sha256.Sum256(secret[:])
		sig, err := k.Sign(digest)
		if err != nil || !Verify(k.PubKey(), digest, sig) {
			t.Errorf("secret %d: signature does not verify: %v", i, err)
		}
	}
	if odd == 0 {
		t.Error("no odd key was tried")
	}
}

func TestFromSecretRefuses(t *testing.T) {
	t.Parallel()
	order := [32]byte{}
	hex.Decode(order[:], []byte("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"))
	over := order
	over[31]++
	for _, sk := range [][32]byte{{}, order, over} {
		if _, err := FromSecret(sk); !errors.Is(err, ErrBadSecret) {
			t.Errorf("%x: %v", sk, err)
		}
	}
}

// TestPublicVectors are NIP-19's examples and BIP-340's test vectors 0 and 5.
func TestPublicVectors(t *testing.T) {
	t.Parallel()
	p, err := ParsePubKey("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg")
	if err != nil || p.Hex() != "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e" {
		t.Errorf("npub: %s, %v", p.Hex(), err)
	}
	k, err := decodeKey("nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5", nil)
	if err != nil || k.PubKey() != p {
		t.Errorf("nsec: %v, %v", k, err)
	}
	signer, err := FromSecret([32]byte{31: 3})
	if err != nil {
		t.Fatal(err)
	}
	if signer.PubKey().Hex() != "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9" {
		t.Error("public key of vector 0 differs")
	}
	var sig [64]byte
	hex.Decode(sig[:], []byte("e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215"+
		"25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0"))
	if !Verify(signer.PubKey(), [32]byte{}, sig) {
		t.Error("vector 0 does not verify")
	}
	if Verify(signer.PubKey(), [32]byte{1}, sig) {
		t.Error("vector 0 verifies for another digest")
	}
	sig[63] ^= 1
	if Verify(signer.PubKey(), [32]byte{}, sig) {
		t.Error("an altered signature verifies")
	}
	if _, err := ParsePubKey("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34"); !errors.Is(err, ErrBadPubKey) {
		t.Errorf("vector 5, a key not on the curve: %v", err)
	}
}

func TestParsePubKeyRefuses(t *testing.T) {
	t.Parallel()
	const good = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
	for _, s := range []string{
		"", "npub1", good[:62], good + "q", strings.ToUpper(good), "nostr:" + good, " " + good,
		strings.Replace(good, "npub1", "note1", 1),
		good[:20] + "q" + good[21:],
		"nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
		strings.Repeat("0", 64),
		strings.Repeat("f", 64),
		"7E7E9C42A91BFEF19FA929E5FDA1B72E0EBC1A4C1141673E2794234D86ADDF4E",
		"7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf",
		"027e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e",
		strings.Repeat("npub1", 1<<16),
	} {
		if p, err := ParsePubKey(s); !errors.Is(err, ErrBadPubKey) || p != (PubKey{}) {
			t.Errorf("%.80q: %v, %v", s, p, err)
		}
	}
}

func TestFromPeerIDRefuses(t *testing.T) {
	t.Parallel()
	ed, _, err := crypto.GenerateEd25519Key(nil)
	if err == nil {
		id, _ := peer.IDFromPrivateKey(ed)
		if _, err := FromPeerID(id); !errors.Is(err, ErrBadPeerID) {
			t.Errorf("ed25519: %v", err)
		}
	}
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	proto, err := crypto.MarshalPublicKey(k.Libp2p().GetPublic())
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(data []byte, code uint64) peer.ID {
		mh, err := multihash.Sum(data, code, -1)
		if err != nil {
			t.Fatal(err)
		}
		return peer.ID(mh)
	}
	if p, err := FromPeerID(wrap(proto, multihash.IDENTITY)); err != nil || p != k.PubKey() {
		t.Fatalf("the example proves nothing: %v", err)
	}
	// An unknown protobuf field after the known ones is ignored by libp2p.
	for name, id := range map[string]peer.ID{
		"empty":          "",
		"garbage":        "\x00\x03abc",
		"hashed":         wrap(proto, multihash.SHA2_256),
		"second naming":  wrap(append(proto[:len(proto):len(proto)], 0x18, 0x01), multihash.IDENTITY),
		"repeated field": wrap(append(proto[:len(proto):len(proto)], 0x08, 0x02), multihash.IDENTITY),
		"trailing bytes": k.PeerID() + "x",
	} {
		if _, err := FromPeerID(id); !errors.Is(err, ErrBadPeerID) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextForPeople(t *testing.T) {
	t.Parallel()
	k, err := FromSecret([32]byte{31: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := k.PubKey().Short(); len(got) != 9+len("…")+4 || got[:9] != k.PubKey().String()[:9] {
		t.Error(got)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, *k} {
			if s := fmt.Sprintf(format, v); s != k.PubKey().String() {
				t.Errorf("%s shows %s", format, s)
			}
		}
	}
	if text, err := (PubKey{}).MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("zero key: %q, %v", text, err)
	}
	p := k.PubKey()
	if err := p.UnmarshalText(nil); err != nil || !p.IsZero() {
		t.Errorf("empty text: %v, %v", p, err)
	}
	if _, err := (PubKey{31: 5}).PeerID(); !errors.Is(err, ErrBadPubKey) {
		t.Errorf("peer id of no point: %v", err)
	}
}
