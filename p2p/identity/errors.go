package identity

import "errors"

var (
	// ErrBadPubKey says that text or bytes are not a public key of the curve.
	ErrBadPubKey = errors.New("not a public key")
	// ErrBadPeerID says that a peer ID does not name an even-Y secp256k1 key.
	ErrBadPeerID = errors.New("peer id is not of an even-Y secp256k1 key")
	// ErrBadSecret says that 32 bytes are zero or not below the group order.
	ErrBadSecret = errors.New("not a secret key")
	// ErrBadKeyFile says that a key file holds neither nsec nor ncryptsec text.
	ErrBadKeyFile = errors.New("key file is malformed")
	// ErrReadableByOthers says that users other than the owner can read or
	// change the key file; nothing of it was used.
	ErrReadableByOthers = errors.New("key file is accessible to other users")
	// ErrNeedPassphrase says that the key file is encrypted and no passphrase
	// was given.
	ErrNeedPassphrase = errors.New("key file is encrypted and needs a passphrase")
	// ErrWrongPassphrase says that the passphrase does not open the key file,
	// or that the file was altered: NIP-49 cannot tell the two apart.
	ErrWrongPassphrase = errors.New("wrong passphrase, or the key file was altered")
)
