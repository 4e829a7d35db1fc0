package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nbd-wtf/go-nostr/nip49"
)

const (
	// costLog is log2 of the scrypt cost of new files: 64 MiB and about a
	// quarter of a second on a laptop core, the cost of NIP-49's own example.
	costLog = 16
	// maxCostLog bounds what a file may make us spend: 2^20 takes 1 GiB.
	maxCostLog = 20
	// maxKeyFile bounds what is read: an ncryptsec has 162 letters.
	maxKeyFile = 1 << 10
	// sealedLen is the payload of NIP-49: version, cost, salt, nonce,
	// key-security byte, and 32 bytes with their authenticator.
	sealedLen = 1 + 1 + 16 + 24 + 1 + 48
)

// Save writes the key to a new file of mode 0600: nsec text when passphrase is
// empty, else ncryptsec text (NIP-49). The file appears whole or not at all,
// and an existing one is never replaced: that is os.ErrExist.
func Save(path string, k *Key, passphrase []byte) error {
	text, err := encodeKey(k, passphrase)
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".key-*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text + "\n")
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	// Unlike rename, link fails when the name is taken.
	if err := os.Link(tmp.Name(), path); err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	return syncDir(dir)
}

// Load reads a key that Save wrote. It fails with ErrReadableByOthers before
// reading anything when group or others have any right to the file, with
// ErrNeedPassphrase or ErrWrongPassphrase for an encrypted one, with
// ErrBadKeyFile for other content, and with os.ErrNotExist for no file. A
// passphrase given for a file that is not encrypted is not used.
func Load(path string, passphrase []byte) (*Key, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	k, err := decodeKey(string(bytes.TrimSpace(text)), passphrase)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", path, err)
	}
	return k, nil
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The open file is asked, not the path, so that no swap comes between.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrBadKeyFile, path)
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%w: %s is too long", ErrBadKeyFile, path)
	}
	return text, nil
}

func encodeKey(k *Key, passphrase []byte) (string, error) {
	secret := k.secret.Serialize()
	if len(passphrase) == 0 {
		return encodeBech32("nsec", secret), nil
	}
	return nip49.EncryptBytes(secret, string(passphrase), costLog, nip49.NotKnownToHaveBeenHandledInsecurely)
}

func decodeKey(text string, passphrase []byte) (*Key, error) {
	if raw, err := decodeBech32("nsec", text, 32); err == nil {
		return FromSecret([32]byte(raw))
	}
	// The library indexes into the payload and spends what its cost byte says
	// unasked, so both are checked first.
	sealed, err := decodeBech32("ncryptsec", text, sealedLen)
	if err != nil || sealed[0] != 0x02 {
		return nil, ErrBadKeyFile
	}
	if sealed[1] > maxCostLog || sealed[1] == 0 {
		return nil, fmt.Errorf("%w: scrypt cost 2^%d is out of range", ErrBadKeyFile, sealed[1])
	}
	if len(passphrase) == 0 {
		return nil, ErrNeedPassphrase
	}
	plain, err := nip49.Decrypt(text, string(passphrase))
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	raw, err := hex.DecodeString(plain)
	if err != nil || len(raw) != 32 {
		return nil, ErrBadKeyFile
	}
	return FromSecret([32]byte(raw))
}
