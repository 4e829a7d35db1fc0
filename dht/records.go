package dht

import (
	"context"
	"errors"
	"strings"
	"sync"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

var errFull = errors.New("no room for more records")

// recordStore keeps the records of others in memory: they live two hours, and a
// restarted node gets them again. It is bounded in all and for each provider,
// and when it is full those who take most give way to those who take little: a
// provider of thousands of files does not crowd out one that announces a card.
type recordStore struct {
	total, each int

	mu     sync.Mutex
	count  int
	places map[string]map[string][]byte   // by place, then provider
	peers  map[string]map[string]struct{} // by provider: its places
}

var _ ds.Batching = (*recordStore)(nil)

func newRecords(total, each int) *recordStore {
	return &recordStore{
		total: total, each: each,
		places: make(map[string]map[string][]byte), peers: make(map[string]map[string]struct{}),
	}
}

// split parts kad-dht's /providers/PLACE/PROVIDER.
func split(k ds.Key) (place, who string) {
	s := k.String()
	i := strings.LastIndexByte(s, '/')
	return s[:i], s[i+1:]
}

// Put refuses a record above the limits; renewing one is always possible.
func (r *recordStore) Put(_ context.Context, k ds.Key, v []byte) error {
	place, who := split(k)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, had := r.places[place][who]; !had {
		mine := len(r.peers[who])
		if mine >= r.each || r.count >= r.total && !r.makeRoom(mine) {
			return errFull
		}
		if r.peers[who] == nil {
			r.peers[who] = make(map[string]struct{})
		}
		r.peers[who][place] = struct{}{}
		r.count++
	}
	if r.places[place] == nil {
		r.places[place] = make(map[string][]byte)
	}
	r.places[place][who] = append([]byte(nil), v...)
	return nil
}

// sampled is how many providers are looked at to find one with many records.
const sampled = 64

// makeRoom drops a record of a provider that has clearly more than a newcomer
// with so many; false when none of those looked at has.
func (r *recordStore) makeRoom(mine int) bool {
	most, looked := "", 0
	for who, places := range r.peers { // in no order
		if len(places) > len(r.peers[most]) {
			most = who
		}
		if looked++; looked == sampled {
			break
		}
	}
	if len(r.peers[most]) <= mine+1 {
		return false
	}
	for place := range r.peers[most] {
		r.drop(place, most)
		break
	}
	return true
}

func (r *recordStore) drop(place, who string) {
	r.count--
	if delete(r.places[place], who); len(r.places[place]) == 0 {
		delete(r.places, place)
	}
	if delete(r.peers[who], place); len(r.peers[who]) == 0 {
		delete(r.peers, who)
	}
}

// Delete makes room.
func (r *recordStore) Delete(_ context.Context, k ds.Key) error {
	place, who := split(k)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, had := r.places[place][who]; had {
		r.drop(place, who)
	}
	return nil
}

// Get returns ds.ErrNotFound for what is not there.
func (r *recordStore) Get(_ context.Context, k ds.Key) ([]byte, error) {
	place, who := split(k)
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.places[place][who]; ok {
		return append([]byte(nil), v...), nil
	}
	return nil, ds.ErrNotFound
}

// Has reports whether a record is there.
func (r *recordStore) Has(ctx context.Context, k ds.Key) (bool, error) {
	_, err := r.Get(ctx, k)
	return err == nil, nil
}

// GetSize returns a record's length in bytes.
func (r *recordStore) GetSize(ctx context.Context, k ds.Key) (int, error) {
	v, err := r.Get(ctx, k)
	return len(v), err
}

// Query returns a copy of the records of one place, without looking at others,
// or of all where the prefix is no place: kad-dht asks for nothing else.
func (r *recordStore) Query(_ context.Context, q query.Query) (query.Results, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []query.Entry
	add := func(place string) {
		for who, v := range r.places[place] {
			out = append(out, query.Entry{Key: place + "/" + who, Value: append([]byte(nil), v...), Size: len(v)})
		}
	}
	if place := strings.TrimSuffix(q.Prefix, "/"); r.places[place] != nil {
		add(place)
	} else if strings.Count(place, "/") < 2 {
		for p := range r.places {
			if strings.HasPrefix(p+"/", place+"/") {
				add(p)
			}
		}
	}
	return query.ResultsWithEntries(q, out), nil
}

// Batch goes through Put and Delete, so that it is counted too.
func (r *recordStore) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(r), nil }

// Sync has nothing to write.
func (r *recordStore) Sync(context.Context, ds.Key) error { return nil }

// Close has nothing to release.
func (r *recordStore) Close() error { return nil }
