package node

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/store"
)

// held is a node whose database another process has open, as far as it can tell.
func held(t *testing.T) (*Node, *store.Badger) {
	t.Helper()
	n := &Node{cfg: Config{Home: t.TempDir()}, log: slog.New(slog.DiscardHandler)}
	db, err := store.Open(n.cfg.path("db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return n, db
}

type opened struct {
	db  *store.Badger
	err error
}

func opening(ctx context.Context, n *Node) <-chan opened {
	done := make(chan opened, 1)
	go func() {
		db, err := n.openDatabase(ctx)
		done <- opened{db, err}
	}()
	return done
}

// A node that was killed and is started again at once waits until the system has
// let go of the lock.
func TestStartWhileTheDeadHoldsTheLock(t *testing.T) {
	t.Parallel()
	n, dead := held(t)
	done := opening(t.Context(), n)
	select {
	case o := <-done:
		t.Fatalf("it did not wait: %v", o.err)
	case <-time.After(4 * lockedEvery):
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	o := <-done
	if o.err != nil {
		t.Fatal(o.err)
	}
	if err := o.db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStartThatIsStoppedWhileItWaits(t *testing.T) {
	t.Parallel()
	n, dead := held(t)
	defer dead.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := opening(ctx, n)
	cancel()
	if o := <-done; !errors.Is(o.err, store.ErrLocked) {
		t.Fatal(o.err)
	}
}

type living struct{ api.Node }

func (living) Status(context.Context) (api.Status, error) { return api.Status{Ready: true}, nil }

// Beside a node that runs no second one waits.
func TestStartBesideARunningNode(t *testing.T) {
	t.Parallel()
	n, other := held(t)
	defer other.Close()
	server, err := api.NewServer(api.Config{Home: n.cfg.Home, Addr: "127.0.0.1:0"}, api.Backends{
		Node: living{}, Jobs: jobsBackend{n}, Results: jobsBackend{n}, Content: contentBackend{n}, Market: marketBackend{n}, Money: moneyBackend{n},
	}, n.log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	<-server.Ready()
	began := time.Now()
	if _, err := n.openDatabase(t.Context()); !errors.Is(err, store.ErrLocked) {
		t.Error(err)
	}
	if took := time.Since(began); took >= endingFor {
		t.Errorf("it waited for %v", took)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
