package store

import "errors"

var (
	// ErrNotFound says that no value is stored under the key.
	ErrNotFound = errors.New("store: no such key")
	// ErrLocked says that another process (or another Open of this one) holds
	// the database directory.
	ErrLocked = errors.New("store: database is open in another process")
	// ErrSchema says that the database was written by a newer version of the
	// program, or that its version record cannot be read.
	ErrSchema = errors.New("store: database has a schema this version does not know")
	// ErrKey says that a key is empty or longer than MaxKey bytes.
	ErrKey = errors.New("store: key is empty or too long")
	// ErrTooBig says that a transaction or a value is too large to be written
	// at once; nothing of it was written.
	ErrTooBig = errors.New("store: transaction too big")
	// ErrNoSpace says that the disk is full; the transaction was not written.
	ErrNoSpace = errors.New("store: no space left on device")
	// ErrNestedScan says that a Scan was started inside another Scan of the
	// same Update, which would see an undefined mix of old and new values.
	ErrNestedScan = errors.New("store: scan inside a scan of the same update")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
)
