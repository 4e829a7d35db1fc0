package aggregator

import (
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Journal writes one job down as a Driver does: the head and the shards that
// changed, and documents that stand once they are kept. It is for measuring what
// that costs; a Driver keeps its own.
type Journal struct {
	st      store.Store
	written written
}

// NewJournal begins a journal in a store that holds nothing of the job.
func NewJournal(st store.Store) *Journal { return &Journal{st: st} }

// Write writes the job unless nothing of it has changed.
func (l *Journal) Write(j job.Job) (changed bool, err error) { return l.written.save(l.st, j) }

// Keep stores a document of an attempt and returns the one that stands.
func (l *Journal) Keep(id job.ID, shard, attempt uint32, name string, ev wire.Event) (wire.Event, error) {
	d := Driver{Deps: Deps{Store: l.st}}
	return d.keep(id, shard, attempt, document(name), ev)
}
