package infer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

var errDead = errors.New("the node was killed")

// mortal is all through which a node acts. After a number of acts nothing goes
// through any more, as if the process had been killed: what was written stays.
type mortal struct {
	store.Store
	infer.Rail
	peers infer.Peers

	mu    sync.Mutex
	left  int
	dead  bool
	conns []net.Conn
	died  chan struct{}
}

// act counts one; false when the node is dead.
func (m *mortal) act() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false
	}
	if m.left--; m.left > 0 {
		return true
	}
	m.dead = true
	for _, c := range m.conns {
		c.Close()
	}
	close(m.died)
	return false
}

func (m *mortal) Update(fn func(store.Txn) error) error {
	if !m.act() {
		return errDead
	}
	if err := m.Store.Update(fn); err != nil {
		return err
	}
	if !m.act() { // written, and nobody knows
		return errDead
	}
	return nil
}

func (m *mortal) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	if !m.act() {
		return payments.Proof{}, errDead
	}
	proof, err := m.Rail.Pay(ctx, p)
	if !m.act() { // paid, and nobody knows
		return payments.Proof{}, errDead
	}
	return proof, err
}

func (m *mortal) Dial(ctx context.Context, p identity.PubKey, proto protocol.ID) (net.Conn, error) {
	if !m.act() {
		return nil, errDead
	}
	c, err := m.peers.Dial(ctx, p, proto)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		c.Close()
		return nil, errDead
	}
	m.conns = append(m.conns, c)
	return mortalConn{c, m}, nil
}

type mortalConn struct {
	net.Conn
	m *mortal
}

func (c mortalConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.m.act() {
		return 0, errDead
	}
	return n, err
}

func (c mortalConn) Write(p []byte) (int, error) {
	if !c.m.act() {
		return 0, errDead
	}
	return c.Conn.Write(p)
}

// TestKilledAnywhere kills the client after each number of acts, lets it come
// back, and holds what was paid against what the provider metered.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for n := 1; n < 600; n += 1 + rnd.IntN(6) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { killedAfter(t, n) })
		})
	}
}

func killedAfter(t *testing.T, n int) {
	b := newBed(t, 1)
	b.p[0].In, b.p[0].Out = 100_000, 200_000
	b.p[0].Script = func(n int) infertest.Script {
		if n%5 == 4 {
			return infertest.Script{DieAfter: 7}
		}
		return infertest.Script{Every: 20 * time.Millisecond}
	}
	b.cfg.PayAt = 12
	real := b.deps
	m := &mortal{Store: real.Store, Rail: real.Rail, peers: real.Peers, left: n, died: make(chan struct{})}
	b.deps.Store, b.deps.Rail, b.deps.Peers = m, m, m
	b.deps.Log = slog.New(slog.DiscardHandler)
	b.tolerant = true
	b.start()
	for i := range 12 {
		res, err := b.r.Do(t.Context(), chat(question(i), 20, i%3 > 0))
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if i == 6 {
			<-time.After(10 * time.Second)
		}
	}
	b.stop()
	synctest.Wait()
	b.deps, b.tolerant = real, false
	b.start()
	<-time.After(20 * time.Second)
	b.do(chat("after all", 20, true))
	<-time.After(2 * time.Minute)
	b.stop()
	b.books()
	for _, l := range b.p[0].Leases() {
		var sum uint64
		for _, w := range l.Windows {
			sum += w.Amount
			e, err := b.rail.Status(t.Context(), b.p[0].ID(), payments.NewRef(w.Job.String(), w.Seq, 0))
			if w.Amount > 0 && (err != nil || e.State != payments.StateCaptured || e.Amount.Value != w.Amount) {
				t.Errorf("window %d: %+v, %v", w.Seq, e, err)
			}
		}
		if sum != l.Price() {
			t.Errorf("windows of %d for %d used", sum, l.Price())
		}
	}
	b.end()
}
