package nodetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// Wrong is a provider that makes its results up wherever when says so, and is
// honest otherwise. A nil when is always.
func Wrong(when func(w *Work) bool) Script {
	return Script{Lie: func(ctx context.Context, l *Liar, w *Work) error {
		if when == nil || when(w) {
			return l.Invent(ctx, w)
		}
		return l.Do(ctx, w)
	}}
}

// FirstRuns cheats in what a number below half of all would make a first run, if
// numbers told it.
func FirstRuns(w *Work) bool { return w.Accept.Attempt < 30_000 }

// Dear cheats where a shard pays at least so much.
func Dear(amount uint64) func(*Work) bool {
	return func(w *Work) bool { return w.Accept.Amount >= amount }
}

// Share cheats in that share of its shards, in thousandths: which ones only it
// knows.
func Share(thousandths uint64) func(*Work) bool {
	return func(w *Work) bool {
		return (uint64(w.Nonce[0])<<8|uint64(w.Nonce[1]))%1000 < thousandths
	}
}

// Ring is a set of colluders. They agree on what to say of each input, and who
// has a result gives it to the others.
type Ring struct {
	mu   sync.Mutex
	text map[string]string // by input: what they say
	did  map[string]*Work  // by input: the result of one of them
	from map[string]*Liar
}

// NewRing makes one without members.
func NewRing() *Ring {
	return &Ring{text: map[string]string{}, did: map[string]*Work{}, from: map[string]*Liar{}}
}

// Collude is the script of a member: the same wrong result for the same input,
// whoever of them is asked.
func (r *Ring) Collude() Script {
	return Script{Lie: func(ctx context.Context, l *Liar, w *Work) error {
		dir, err := os.MkdirTemp(l.dir, "lie-")
		if err != nil {
			return err
		}
		if err := l.store(ctx, w, dir, "what we say of "+w.Accept.InputCID+"\n"); err != nil {
			return err
		}
		r.keep(l, w)
		return nil
	}}
}

// Copy is the script of a member who computes nothing: it takes a friend's
// result where there is one and makes one up where not.
func (r *Ring) Copy() Script {
	return Script{Lie: func(ctx context.Context, l *Liar, w *Work) error {
		if err := r.copy(ctx, l, w); err == nil {
			return nil
		}
		return l.Invent(ctx, w)
	}}
}

// Give is the script of an honest member whose results the others copy.
func (r *Ring) Give() Script {
	return Script{Lie: func(ctx context.Context, l *Liar, w *Work) error {
		if err := l.Do(ctx, w); err != nil {
			return err
		}
		r.keep(l, w)
		return nil
	}}
}

// Nod is the script of a validator that finds right whatever its friends said.
// Of what they were not asked, it must say something of its own.
func (r *Ring) Nod() Script {
	s := r.Copy()
	s.Role = "validator"
	s.Price.Base = 1
	return s
}

func (r *Ring) keep(l *Liar, w *Work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did[w.Accept.InputCID], r.from[w.Accept.InputCID] = w, l
}

var errNoFriend = errors.New("nodetest: no friend has it")

// copy takes a friend's result over, bytes and all.
func (r *Ring) copy(ctx context.Context, l *Liar, w *Work) error {
	r.mu.Lock()
	done, friend := r.did[w.Accept.InputCID], r.from[w.Accept.InputCID]
	r.mu.Unlock()
	if done == nil || friend == l {
		return errNoFriend
	}
	dir, err := os.MkdirTemp(l.dir, "copy-")
	if err != nil {
		return err
	}
	out := filepath.Join(dir, "out")
	if err := friend.blobs.Export(ctx, done.Root, out, blob.Limits{}); err != nil {
		return err
	}
	info, err := l.blobs.AddTree(ctx, out)
	w.Root, w.Size = info.CID, info.Size
	return err
}

// Crash is a store that outlives the nodes that write to it, and refuses every
// write from some moment on, as if the machine had stopped there.
type Crash struct {
	store.Store
	mu    sync.Mutex
	left  int // writes until it refuses; negative: never
	count int
	tried int // writes that were refused
}

// NewCrash makes a store that does not refuse yet.
func NewCrash() *Crash { return &Crash{Store: store.NewMem(), left: -1} }

// After lets n more writes pass, or all when n is negative.
func (c *Crash) After(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
}

// Writes is how many writes there were.
func (c *Crash) Writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Refused is how many writes were refused.
func (c *Crash) Refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tried
}

// Refuses reports whether the moment has come.
func (c *Crash) Refuses() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left == 0
}

// ErrCrashed is what a write gets after the moment.
var ErrCrashed = errors.New("nodetest: the machine has stopped")

// Update implements store.Store.
func (c *Crash) Update(fn func(store.Txn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		c.tried++
		return ErrCrashed
	}
	if c.left > 0 {
		c.left--
	}
	c.count++
	return c.Store.Update(fn)
}

// Close leaves it open for the node that comes after.
func (c *Crash) Close() error { return nil }
