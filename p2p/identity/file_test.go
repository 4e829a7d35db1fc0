package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr/nip49"
)

func newKey(t *testing.T) *Key {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSaveLoad(t *testing.T) {
	t.Parallel()
	for name, passphrase := range map[string]string{"plain": "", "sealed": "correct horse"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, k := t.TempDir(), newKey(t)
			path := filepath.Join(dir, "key")
			if err := Save(path, k, []byte(passphrase)); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && info.Mode() != 0o600 {
				t.Errorf("mode is %v", info.Mode())
			}
			back, err := Load(path, []byte(passphrase))
			if err != nil {
				t.Fatal(err)
			}
			if back.PubKey() != k.PubKey() || !back.Libp2p().Equals(k.Libp2p()) {
				t.Error("another key came back")
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if sealed := passphrase != ""; sealed != bytes.HasPrefix(text, []byte("ncryptsec1")) {
				t.Errorf("file starts %.10q", text)
			}

			if err := Save(path, newKey(t), nil); !errors.Is(err, os.ErrExist) {
				t.Errorf("overwriting: %v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, text) {
				t.Error("the refused Save changed the file")
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("%d files in the folder", len(left))
			}
		})
	}
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	// One text in two Unicode forms: NIP-49 asks for NFKC.
	k, composed, decomposed := newKey(t), "Åé", "A\u030ae\u0301"
	if err := Save(path, k, []byte(composed)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, nil); !errors.Is(err, ErrNeedPassphrase) {
		t.Errorf("no passphrase: %v", err)
	}
	if _, err := Load(path, []byte("wrong")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if back, err := Load(path, []byte(decomposed)); err != nil || back.PubKey() != k.PubKey() {
		t.Errorf("the same text in another form: %v", err)
	}
}

// TestNIP49Vector is the example in NIP-49.
func TestNIP49Vector(t *testing.T) {
	t.Parallel()
	const (
		sealed = "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
		secret = "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683"
	)
	got, err := decodeKey(sealed, []byte("nostr"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	want, err := FromSecret([32]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if got.PubKey() != want.PubKey() {
		t.Errorf("got %s, want %s", got.PubKey(), want.PubKey())
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := encodeBech32("nsec", newKey(t).secret.Serialize())
	costly := func(logN byte) string {
		payload := make([]byte, sealedLen)
		payload[0], payload[1] = 2, logN
		return encodeBech32("ncryptsec", payload)
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "none"), os.ErrNotExist},
		{"folder", dir, ErrBadKeyFile},
		{"empty", file("empty", "", 0o600), ErrBadKeyFile},
		{"hex", file("hex", strings.Repeat("01", 32), 0o600), ErrBadKeyFile},
		{"two keys", file("two", good+"\n"+good, 0o600), ErrBadKeyFile},
		{"huge", file("huge", good+strings.Repeat("\n", maxKeyFile), 0o600), ErrBadKeyFile},
		{"zero secret", file("zero", encodeBech32("nsec", make([]byte, 32)), 0o600), ErrBadSecret},
		{"npub", file("npub", newKey(t).PubKey().String(), 0o600), ErrBadKeyFile},
		{"short ncryptsec", file("short", encodeBech32("ncryptsec", []byte{2, 1}), 0o600), ErrBadKeyFile},
		{"empty ncryptsec", file("none2", encodeBech32("ncryptsec", nil), 0o600), ErrBadKeyFile},
		{"cost 2^255", file("cost255", costly(255), 0o600), ErrBadKeyFile},
		{"cost 2^21", file("cost21", costly(21), 0o600), ErrBadKeyFile},
		{"cost 2^0", file("cost0", costly(0), 0o600), ErrBadKeyFile},
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o777} {
			name := "mode " + mode.String()
			tests = append(tests, struct {
				name, path string
				want       error
			}{name, file(name, good, mode), ErrReadableByOthers})
		}
	}
	for _, tt := range tests {
		if k, err := Load(tt.path, []byte("x")); !errors.Is(err, tt.want) || k != nil {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := Load(file("fine", good+"\n", 0o400), nil); err != nil {
		t.Errorf("a good file: %v", err)
	}
}

// FuzzDecodeKey wants an error or a key of any text, at a low scrypt cost.
func FuzzDecodeKey(f *testing.F) {
	f.Add("nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5")
	cheap, err := nip49.EncryptBytes(bytes.Repeat([]byte{1}, 32), "x", 1, nip49.NotKnownToHaveBeenHandledInsecurely)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cheap)
	f.Fuzz(func(t *testing.T, text string) {
		if sealed, err := decodeBech32("ncryptsec", text, sealedLen); err == nil && sealed[1] > 4 {
			return
		}
		if k, err := decodeKey(text, []byte("x")); (k == nil) == (err == nil) {
			t.Fatal("neither a key nor an error")
		}
	})
}

// FuzzParsePubKey wants of any text an error or a key that has a peer ID.
func FuzzParsePubKey(f *testing.F) {
	f.Add("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg")
	f.Add("7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePubKey(s)
		if err != nil {
			return
		}
		if s != p.String() && s != p.Hex() {
			t.Fatalf("%q is another spelling of %s", s, p)
		}
		id, err := p.PeerID()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := FromPeerID(id); err != nil || back != p {
			t.Fatalf("%s, %v", back, err)
		}
	})
}
