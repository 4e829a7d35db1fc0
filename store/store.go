package store

// MaxKey is the longest key in bytes, the prefix of a Prefix view included.
const MaxKey = 4096

// MaxValue is the largest value in bytes. Anything near it belongs in a file.
const MaxValue = 16 << 20

// Reader reads one consistent snapshot of the store.
type Reader interface {
	// Get returns a copy of the value under key, or ErrNotFound.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for each key that begins with prefix, in ascending byte
	// order. The slices are valid only until fn returns. An error of fn ends
	// the scan and is returned as it is. In an Update the scan sees the writes
	// made before it began and none made during it.
	Scan(prefix []byte, fn func(key, value []byte) error) error
	// ScanFrom is Scan of the keys that are not before from, which need not
	// exist. It costs what is read and not what is left out before it.
	ScanFrom(prefix, from []byte, fn func(key, value []byte) error) error
}

// Txn is a Reader that also writes. Its reads see its own writes.
type Txn interface {
	Reader
	// Set stores a copy of value under key.
	Set(key, value []byte) error
	// Delete removes key; removing an absent key is no error.
	Delete(key []byte) error
}

// Store is an ordered key-value store with snapshot transactions. It is safe
// for use by many goroutines at once.
type Store interface {
	// View calls fn with a snapshot that later updates do not change.
	View(fn func(Reader) error) error
	// Update calls fn and writes what it set, all or nothing; after nil is
	// returned the writes survive a crash. When fn fails nothing is written
	// and its error is returned. Two updates of which one read what the other
	// wrote do not both commit on the old value: fn is called again, so it
	// must have no effects other than through its Txn. An Update must not be
	// started inside another.
	Update(fn func(Txn) error) error
	// Close releases the store. Closing twice is no error.
	Close() error
}

// checkKey refuses keys that an implementation could not hold.
func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > MaxKey {
		return ErrKey
	}
	return nil
}
