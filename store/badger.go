package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// schemaVersion is raised when a version of the program could misread what an
// older one wrote, or the other way round.
const schemaVersion = "1"

// Inside Badger every key has one leading byte, so that the store's own
// records can never be read or written as a caller's.
const dataByte = 'd'

var schemaKey = []byte("s/version")

// emptyLogs is how many logs of no bytes are put up with when opening: one of
// each kind.
const emptyLogs = 2

// optimisticTries is how often an Update runs beside others before it is given
// the store to itself, which makes sure that it ends.
const optimisticTries = 8

// reclaimEvery is how often Run looks for space to give back.
const reclaimEvery = 10 * time.Minute

// Badger writes through mapped files, where a full disk is a signal that ends
// the process and not an error. So an update needs room before it begins to
// write: reserve bytes, or reserveDelete when it only deletes, because
// deleting is the way out.
const (
	reserve       = 24 << 20
	reserveDelete = 2 << 20
)

// Badger is the on-disk Store, held by one process at a time. Its memory use
// is a few MiB whatever the size of the database.
type Badger struct {
	db *badger.DB
	// turn is held for reading by optimistic updates and for writing by one
	// that kept conflicting.
	turn  sync.RWMutex
	close sync.Once
}

// Open opens the database in dir, which it creates with mode 0700. Badger's
// own messages go to log at debug level, its warnings as they are; log may be
// nil. Errors: ErrLocked, ErrSchema, and what the file system says.
func Open(dir string, log *slog.Logger) (*Badger, error) {
	db, err := badger.Open(smallMemory(dir, log))
	for range emptyLogs {
		if !emptyLog(err) {
			break
		}
		db, err = badger.Open(smallMemory(dir, log))
	}
	if err != nil {
		return nil, translateOpen(dir, err)
	}
	b := &Badger{db: db}
	if err := b.checkSchema(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", dir, err), db.Close())
	}
	return b, nil
}

// emptyLog tells that Badger met a log of no bytes, which a process leaves that
// is killed between the making of a log and its first write. Badger refuses it
// once, and in doing so makes it the log without entries that it is.
func emptyLog(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Create a new file") // z.NewFile, not wrapped
}

// smallMemory trades throughput nobody here needs for a small footprint: the
// records are few and small, and the node shares the machine with paid work.
func smallMemory(dir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(logger{log}).
		WithSyncWrites(true).      // an acknowledged payment record survives a power cut
		WithMemTableSize(8 << 20). // 15% of it is the most one transaction may hold
		WithNumMemtables(2).
		WithBaseTableSize(2 << 20).
		WithBaseLevelSize(4 << 20).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2). // the smallest number Badger accepts besides none
		WithNumGoroutines(2).
		WithValueLogFileSize(32 << 20).
		WithValueThreshold(1 << 10).
		WithCompression(options.None). // tables are mapped, so no block cache is needed
		WithBlockCacheSize(0).
		WithIndexCacheSize(1 << 20).
		WithMetricsEnabled(false).
		WithDetectConflicts(true)
}

// View implements Store.
func (b *Badger) View(fn func(Reader) error) error {
	if b.db.IsClosed() {
		return ErrClosed
	}
	txn := b.db.NewTransaction(false)
	defer txn.Discard()
	return fn(&badgerTxn{txn: txn})
}

// Update implements Store. A key that appears under a scanned prefix after
// the scan is no conflict; a scanned or read key that changes is.
func (b *Badger) Update(fn func(Txn) error) error {
	for range optimisticTries {
		b.turn.RLock()
		err := b.try(fn)
		b.turn.RUnlock()
		if !errors.Is(err, badger.ErrConflict) {
			return err
		}
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	return b.try(fn)
}

func (b *Badger) try(fn func(Txn) error) error {
	if b.db.IsClosed() {
		return ErrClosed
	}
	txn := b.db.NewTransaction(true)
	defer txn.Discard()
	t := &badgerTxn{txn: txn, update: true}
	if err := fn(t); err != nil {
		return err
	}
	if err := b.room(t); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return translate(err)
	}
	return nil
}

// room refuses a commit that the disk may be too full for.
func (b *Badger) room(t *badgerTxn) error {
	need := uint64(0)
	if t.deletes {
		need = reserveDelete
	}
	if t.sets {
		need = reserve
	}
	if need == 0 {
		return nil
	}
	if free, ok := freeBytes(b.db.Opts().Dir); ok && free < need {
		return fmt.Errorf("%w: %d bytes free, %d needed", ErrNoSpace, free, need)
	}
	return nil
}

// Run gives the space of overwritten large values back to the disk, every now
// and then, until ctx is done. A store works without it and only grows.
func (b *Badger) Run(ctx context.Context) error {
	tick := time.NewTicker(reclaimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// One file a call; an error means that nothing was worth rewriting.
			for ctx.Err() == nil && b.db.RunValueLogGC(0.5) == nil {
				continue
			}
		}
	}
}

// Close implements Store.
func (b *Badger) Close() error {
	var err error
	b.close.Do(func() { err = b.db.Close() })
	return err
}

// checkSchema writes the version into a new database and compares it in an
// old one.
func (b *Badger) checkSchema() error {
	return b.db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get(schemaKey)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return txn.Set(schemaKey, []byte(schemaVersion))
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error {
			if !bytes.Equal(v, []byte(schemaVersion)) {
				return fmt.Errorf("%w: it says %q, this program knows %q", ErrSchema, v, schemaVersion)
			}
			return nil
		})
	})
}

// translateOpen finds the lock failure by its text, because Badger formats the
// system's error into a string without wrapping it.
func translateOpen(dir string, err error) error {
	text := err.Error()
	if strings.Contains(text, "Another process is using this Badger database") ||
		strings.Contains(text, "Cannot create lock file") {
		return fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return fmt.Errorf("store: open %s: %w", dir, translate(err))
}

func translate(err error) error {
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return ErrNotFound
	case errors.Is(err, badger.ErrTxnTooBig):
		return ErrTooBig
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return ErrClosed
	case errors.Is(err, syscall.ENOSPC), strings.Contains(err.Error(), syscall.ENOSPC.Error()):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
