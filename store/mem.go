package store

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Mem keeps everything in memory: for tests and for nodes that must leave no
// trace. An update costs time in proportion to the number of keys held.
type Mem struct {
	write sync.Mutex // held by the one Update that is running
	state atomic.Pointer[[]entry]
}

// entry is immutable once it is part of a published state.
type entry struct {
	key   string
	value []byte
}

// NewMem returns an empty store.
func NewMem() *Mem {
	m := &Mem{}
	m.state.Store(&[]entry{})
	return m
}

// View implements Store.
func (m *Mem) View(fn func(Reader) error) error {
	s := m.state.Load()
	if s == nil {
		return ErrClosed
	}
	return fn(memReader(*s))
}

// Update implements Store. Updates run one after the other.
func (m *Mem) Update(fn func(Txn) error) error {
	m.write.Lock()
	defer m.write.Unlock()
	s := m.state.Load()
	if s == nil {
		return ErrClosed
	}
	t := &memTxn{base: *s, over: map[string][]byte{}}
	if err := fn(t); err != nil {
		return err
	}
	next := t.merged(nil)
	m.state.Store(&next)
	return nil
}

// Close implements Store; the contents are gone.
func (m *Mem) Close() error {
	m.write.Lock()
	defer m.write.Unlock()
	m.state.Store(nil)
	return nil
}

// memReader is a sorted snapshot.
type memReader []entry

func (r memReader) Get(key []byte) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	i, ok := r.find(string(key))
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(r[i].value), nil
}

func (r memReader) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return r.ScanFrom(prefix, prefix, fn)
}

func (r memReader) ScanFrom(prefix, from []byte, fn func(key, value []byte) error) error {
	i, _ := r.find(max(string(prefix), string(from)))
	for ; i < len(r) && strings.HasPrefix(r[i].key, string(prefix)); i++ {
		// A copy, because fn may write into what it is given.
		if err := fn([]byte(r[i].key), bytes.Clone(r[i].value)); err != nil {
			return err
		}
	}
	return nil
}

func (r memReader) find(key string) (int, bool) {
	return slices.BinarySearchFunc(r, key, func(e entry, k string) int { return strings.Compare(e.key, k) })
}

// memTxn is a snapshot with this update's writes over it; nil means deleted.
type memTxn struct {
	base     memReader
	over     map[string][]byte
	scanning bool
}

func (t *memTxn) Get(key []byte) ([]byte, error) {
	if v, ok := t.over[string(key)]; ok {
		if v == nil {
			return nil, ErrNotFound
		}
		return bytes.Clone(v), nil
	}
	return t.base.Get(key)
}

func (t *memTxn) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return t.ScanFrom(prefix, prefix, fn)
}

func (t *memTxn) ScanFrom(prefix, from []byte, fn func(key, value []byte) error) error {
	if t.scanning {
		return ErrNestedScan
	}
	t.scanning = true
	defer func() { t.scanning = false }()
	return memReader(t.merged(prefix)).ScanFrom(prefix, from, fn)
}

func (t *memTxn) Set(key, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return ErrTooBig
	}
	t.over[string(key)] = append([]byte{}, value...)
	return nil
}

func (t *memTxn) Delete(key []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	t.over[string(key)] = nil
	return nil
}

// merged returns the entries that begin with prefix, with the writes applied.
func (t *memTxn) merged(prefix []byte) []entry {
	p := string(prefix)
	over := make([]entry, 0, len(t.over))
	for k, v := range t.over {
		if strings.HasPrefix(k, p) {
			over = append(over, entry{k, v})
		}
	}
	slices.SortFunc(over, func(a, b entry) int { return strings.Compare(a.key, b.key) })

	base := t.base.with(p)
	out := make([]entry, 0, len(base)+len(over))
	for _, e := range over {
		i, same := base.find(e.key)
		out = appendLive(append(out, base[:i]...), e)
		if same {
			i++
		}
		base = base[i:]
	}
	return append(out, base...)
}

// with is the part of the entries that begin with prefix.
func (r memReader) with(prefix string) memReader {
	lo, _ := r.find(prefix)
	hi, _ := slices.BinarySearchFunc(r[lo:], prefix, func(e entry, p string) int {
		if strings.HasPrefix(e.key, p) {
			return -1
		}
		return 1 // they follow each other from the first on
	})
	return r[lo : lo+hi]
}

// appendLive appends e unless it marks a deletion.
func appendLive(out []entry, e entry) []entry {
	if e.value == nil {
		return out
	}
	return append(out, e)
}
