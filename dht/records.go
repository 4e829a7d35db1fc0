package dht

import (
	"context"
	"errors"
	"sync"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

var errFull = errors.New("no room for more records")

// recordStore keeps the records of others in memory: they live two hours, and a
// restarted node gets them again. It is bounded in all and for each provider.
type recordStore struct {
	ds.Batching
	total, each int

	mu    sync.Mutex
	count int
	peers map[string]int
}

func newRecords(total, each int) *recordStore {
	return &recordStore{Batching: ds.NewMapDatastore(), total: total, each: each, peers: make(map[string]int)}
}

// owner is the provider: the last part of kad-dht's /providers/PLACE/PROVIDER.
func owner(k ds.Key) string { return k.BaseNamespace() }

// Put refuses a record above the limits; renewing one is always possible.
func (r *recordStore) Put(ctx context.Context, k ds.Key, v []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	had, err := r.Batching.Has(ctx, k)
	if err != nil {
		return err
	}
	if !had {
		if r.count >= r.total || r.peers[owner(k)] >= r.each {
			return errFull
		}
		r.count++
		r.peers[owner(k)]++
	}
	return r.Batching.Put(ctx, k, v)
}

// Delete makes room.
func (r *recordStore) Delete(ctx context.Context, k ds.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	had, err := r.Batching.Has(ctx, k)
	if err != nil || !had {
		return err
	}
	r.count--
	if r.peers[owner(k)]--; r.peers[owner(k)] == 0 {
		delete(r.peers, owner(k))
	}
	return r.Batching.Delete(ctx, k)
}

// Get returns ds.ErrNotFound for what is not there.
func (r *recordStore) Get(ctx context.Context, k ds.Key) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Batching.Get(ctx, k)
}

// Has reports whether a record is there.
func (r *recordStore) Has(ctx context.Context, k ds.Key) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Batching.Has(ctx, k)
}

// GetSize returns a record's length in bytes.
func (r *recordStore) GetSize(ctx context.Context, k ds.Key) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Batching.GetSize(ctx, k)
}

// Query returns a copy, so that records may be deleted while it is read.
func (r *recordStore) Query(ctx context.Context, q query.Query) (query.Results, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Batching.Query(ctx, q)
}

// Batch goes through Put and Delete, so that it is counted too.
func (r *recordStore) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(r), nil }
