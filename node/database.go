package node

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/store"
)

const (
	// endingFor is how long a process that was killed may take to be gone: the
	// system lets go of its lock when the disk has taken its last write.
	endingFor = 30 * time.Second
	// lockedEvery is how often the lock is tried meanwhile.
	lockedEvery = 50 * time.Millisecond
	// answerIn is how long a node that runs may take to say so.
	answerIn = 2 * time.Second
)

// openDatabase opens the database of the home. One that is held by a node that
// answers is store.ErrLocked at once; one that is held by a process that says
// nothing may be that of a node which was just killed, and is waited for.
func (n *Node) openDatabase(ctx context.Context) (*store.Badger, error) {
	ctx, cancel := context.WithTimeout(ctx, endingFor)
	defer cancel()
	tick := time.NewTicker(lockedEvery)
	defer tick.Stop()
	for told := false; ; told = true {
		db, err := store.Open(n.cfg.path("db"), n.log)
		if !errors.Is(err, store.ErrLocked) || n.another(ctx) {
			return db, err
		}
		if !told {
			n.log.Info("the database is held by a process that is ending, or starting; waiting for it", "at most", endingFor)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// another reports whether a node runs for this home and answers.
func (n *Node) another(ctx context.Context) bool {
	c, err := api.Dial(n.cfg.Home)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	_, err = c.Status(ctx)
	return err == nil
}
