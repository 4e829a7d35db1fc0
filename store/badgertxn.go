package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// badgerTxn gives a Badger transaction the semantics of Txn.
type badgerTxn struct {
	txn      *badger.Txn
	update   bool
	scanning bool
	sets     bool // it stores something
	deletes  bool
}

func (t *badgerTxn) Get(key []byte) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	item, err := t.txn.Get(inner(key))
	if err != nil {
		return nil, translate(err)
	}
	v, err := item.ValueCopy(nil)
	if err != nil {
		return nil, translate(err)
	}
	return v, nil
}

func (t *badgerTxn) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return t.ScanFrom(prefix, prefix, fn)
}

func (t *badgerTxn) ScanFrom(prefix, from []byte, fn func(key, value []byte) error) error {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	// Badger panics on a second iterator of a writing transaction.
	if t.update {
		if t.scanning {
			return ErrNestedScan
		}
		t.scanning = true
		defer func() { t.scanning = false }()
	}
	opt := badger.DefaultIteratorOptions
	opt.Prefix = inner(prefix)
	opt.PrefetchValues = false
	it := t.txn.NewIterator(opt)
	defer it.Close()
	var key, value []byte
	for it.Seek(inner(from)); it.Valid(); it.Next() {
		item := it.Item()
		key = item.KeyCopy(key)
		var err error
		if value, err = item.ValueCopy(value); err != nil {
			return translate(err)
		}
		if err := fn(key[1:], value); err != nil {
			return err
		}
	}
	return nil
}

func (t *badgerTxn) Set(key, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return ErrTooBig
	}
	t.sets = true
	// Badger keeps the slices until the commit; callers reuse theirs.
	if err := t.txn.Set(inner(key), append([]byte{}, value...)); err != nil {
		return translate(err)
	}
	return nil
}

func (t *badgerTxn) Delete(key []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	t.deletes = true
	if err := t.txn.Delete(inner(key)); err != nil {
		return translate(err)
	}
	return nil
}

func inner(key []byte) []byte { return join([]byte{dataByte}, key) }

// logger hands Badger's messages to slog. Its informational messages are one
// line per table, so they count as debugging.
type logger struct{ log *slog.Logger }

func (l logger) Errorf(f string, a ...any)   { l.write(slog.LevelError, f, a) }
func (l logger) Warningf(f string, a ...any) { l.write(slog.LevelWarn, f, a) }
func (l logger) Infof(f string, a ...any)    { l.write(slog.LevelDebug, f, a) }
func (l logger) Debugf(f string, a ...any)   { l.write(slog.LevelDebug, f, a) }

func (l logger) write(level slog.Level, f string, a []any) {
	if l.log == nil {
		return
	}
	msg := strings.TrimSpace(fmt.Sprintf(f, a...))
	switch level {
	case slog.LevelError:
		l.log.Error(msg)
	case slog.LevelWarn:
		l.log.Warn(msg)
	default:
		l.log.Debug(msg)
	}
}
