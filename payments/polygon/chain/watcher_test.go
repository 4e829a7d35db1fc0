package chain_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

// notes is a handler that keeps what it was given in the store, by block and
// index: what is given twice is seen.
type notes struct {
	mu     sync.Mutex
	fresh  []byte
	told   int
	undone []uint64
	fail   error
}

func noteKey(l types.Log) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte("note/"), l.BlockNumber), uint64(l.Index))
}

func (n *notes) Final(tx store.Txn, logs []types.Log) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	for _, l := range logs {
		if _, err := tx.Get(noteKey(l)); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("given twice: block %d: %w", l.BlockNumber, err)
		}
		if err := tx.Set(noteKey(l), l.Data[:1]); err != nil {
			return err
		}
	}
	return nil
}

func (n *notes) Undo(tx store.Txn, above uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.undone = append(n.undone, above)
	var keys [][]byte
	err := tx.Scan([]byte("note/"), func(k, _ []byte) error {
		if binary.BigEndian.Uint64(k[5:]) > above {
			keys = append(keys, slices.Clone(k))
		}
		return nil
	})
	for _, k := range keys {
		err = errors.Join(err, tx.Delete(k))
	}
	return err
}

func (n *notes) Fresh(logs []types.Log) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told++
	n.fresh = nil
	for _, l := range logs {
		n.fresh = append(n.fresh, l.Data[0])
	}
}

// watched is a watcher of the counter.
type watched struct {
	t    *testing.T
	sim  *sim
	p    *proxy
	disk store.Store
	h    *notes
	c    *chain.Client
	w    *chain.Watcher
	n    uint64
}

func newWatched(t *testing.T, profile chain.Profile) *watched {
	t.Helper()
	w := &watched{t: t, sim: newSim(t), disk: store.NewMem(), h: &notes{}}
	w.p = newProxy(t, w.sim.url)
	w.start(profile)
	return w
}

func (w *watched) start(profile chain.Profile) {
	w.t.Helper()
	w.c = dial(w.t, chain.Config{Profile: profile}, w.p.URL)
	var err error
	w.w, err = chain.NewWatcher(chain.WatchConfig{Name: "test", Contract: counter, Topics: [][]common.Hash{{topicOne}}}, w.c, w.disk, w.h, nil)
	if err != nil {
		w.t.Fatal(err)
	}
}

// event has the counter log v in a block of its own.
func (w *watched) event(v byte) common.Hash {
	w.t.Helper()
	w.sim.outside(1, w.n, 1e9, v)
	w.n++
	return w.sim.commit(1)
}

func (w *watched) step() {
	w.t.Helper()
	if _, err := w.w.Step(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// given is what the handler has, in order.
func (w *watched) given() (out []byte) {
	w.t.Helper()
	err := w.disk.View(func(r store.Reader) error {
		out = nil
		return r.Scan([]byte("note/"), func(_, v []byte) error { out = append(out, v[0]); return nil })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *watched) has(final, fresh []byte) {
	w.t.Helper()
	w.step()
	if got := w.given(); !slices.Equal(got, final) {
		w.t.Errorf("final %v, want %v", got, final)
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	if !slices.Equal(w.h.fresh, fresh) {
		w.t.Errorf("fresh %v, want %v", w.h.fresh, fresh)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	w.has(nil, nil)
	w.event(1)
	w.has(nil, []byte{1})
	w.event(2)
	w.has(nil, []byte{1, 2})
	w.event(3)
	w.has([]byte{1}, []byte{2, 3})
	told := w.h.told
	w.step()
	if w.h.told != told {
		t.Error("told the same again")
	}
	w.sim.commit(2)
	w.has([]byte{1, 2, 3}, nil)
	if n, ok, err := w.w.Cursor(); err != nil || !ok || n != w.sim.head()-2 {
		t.Error(n, ok, err)
	}
}

// Away for long, it catches up in ranges, each event once, over restarts and
// deaths between.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	p := chain.Local()
	p.MaxLogs = 7
	w := newWatched(t, p)
	var want []byte
	for i := range byte(40) {
		w.event(i + 1)
		want = append(want, i+1)
	}
	w.sim.commit(2)
	disk := w.disk
	for left := 0; ; left++ {
		dying := &crashing{Store: disk, left: left % 3, after: left%2 == 0}
		w.disk = dying
		w.start(p)
		_, err := w.w.Step(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, errCrash) || left > 40 {
			t.Fatal(left, err)
		}
	}
	w.disk = disk
	w.start(p)
	w.has(want, nil)
	if n := w.p.calls("eth_getLogs"); n < 40/7 {
		t.Errorf("%d ranges", n)
	}
}

// A deposit that a reorg takes away was a hint and never given.
func TestFreshReorg(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	parent := w.sim.commit(3)
	w.event(1)
	w.event(2)
	w.has(nil, []byte{1, 2})
	w.sim.fork(parent, 3)
	w.has(nil, nil)
	w.sim.commit(3)
	w.has(nil, nil)
	if len(w.h.undone) != 0 {
		t.Errorf("undone %v", w.h.undone)
	}
}

// A reorg deeper than what counts as final: what was given is undone and given
// anew, also after a restart.
func TestDeepReorg(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	w.event(1)
	parent := w.sim.commit(2)
	w.has([]byte{1}, nil)
	w.event(2)
	w.event(3)
	w.sim.commit(1)
	w.step()
	w.sim.commit(1)
	w.has([]byte{1, 2, 3}, nil)
	w.start(chain.Local())
	w.sim.fork(parent, 0)
	w.n = 1
	w.event(7)
	w.sim.commit(5)
	w.has([]byte{1, 7}, nil)
	if len(w.h.undone) != 1 || w.h.undone[0] > 4 {
		t.Errorf("undone above %v", w.h.undone)
	}
	// A chain begun anew has nothing of what was.
	fresh := newSim(t)
	w.sim = fresh
	w.p.to = fresh.url
	w.n = 0
	w.event(9)
	fresh.commit(20)
	w.has([]byte{9}, nil)
}

// Endpoints that are behind what was given take nothing back.
func TestEndpointBehind(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	w.event(1)
	at := w.sim.head()
	w.event(2)
	w.sim.commit(3)
	w.has([]byte{1, 2}, nil)
	w.p.on("eth_getBlockByNumber", func(params []json.RawMessage, answer func() (json.RawMessage, error)) (any, error) {
		if string(params[0]) != `"latest"` {
			return answer()
		}
		h, err := w.sim.Client().HeaderByNumber(t.Context(), new(big.Int).SetUint64(at))
		return h, err
	})
	w.step()
	if got := w.given(); !slices.Equal(got, []byte{1, 2}) || len(w.h.undone) != 0 {
		t.Errorf("%v, undone %v", got, w.h.undone)
	}
}

// An endpoint that once told of heights that are not there does not keep the
// watcher from the chain for ever.
func TestHeightLie(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	w.event(1)
	w.sim.commit(2)
	w.has([]byte{1}, nil)
	w.p.on("eth_getBlockByNumber", func(params []json.RawMessage, _ func() (json.RawMessage, error)) (any, error) {
		n := json.RawMessage(`"0x4e20"`)
		if string(params[0]) != `"latest"` {
			n = params[0]
		}
		return map[string]any{"number": n, "hash": common.Hash{9}, "parentHash": common.Hash{8}, "timestamp": "0x1"}, nil
	})
	w.p.says("eth_getLogs", []any{})
	w.step()
	if n, _, err := w.w.Cursor(); err != nil || n < 10_000 {
		t.Fatal(n, err)
	}
	w.p.heal()
	w.event(2)
	w.sim.commit(2)
	w.has([]byte{1, 2}, nil)
}

// A handler that fails has the range given again, whole.
func TestHandlerFails(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	w.event(1)
	w.sim.commit(2)
	w.h.fail = errors.New("no room")
	if _, err := w.w.Step(t.Context()); !errors.Is(err, w.h.fail) {
		t.Error(err)
	}
	if _, ok, err := w.w.Cursor(); ok || err != nil {
		t.Error("the cursor moved", err)
	}
	w.h.fail = nil
	w.has([]byte{1}, nil)
}

// Two endpoints of which one hides an event: nothing is given until they agree.
func TestHiddenEvent(t *testing.T) {
	t.Parallel()
	w := newWatched(t, chain.Local())
	liar := newProxy(t, w.sim.url)
	liar.says("eth_getLogs", []any{})
	c := dial(t, chain.Config{}, w.p.URL, liar.URL)
	watcher, err := chain.NewWatcher(chain.WatchConfig{Name: "two", Contract: counter}, c, w.disk, w.h, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.w = watcher
	w.event(1)
	w.sim.commit(2)
	if _, err := watcher.Step(t.Context()); !errors.Is(err, chain.ErrDisagree) {
		t.Error(err)
	}
	if got := w.given(); len(got) != 0 {
		t.Error(got)
	}
	// But what one of them shows before it is final is hint enough.
	liar.heal()
	w.has([]byte{1}, nil)
	liar.says("eth_getLogs", []any{})
	w.event(2)
	w.has([]byte{1}, []byte{2})
}

func TestWatchRun(t *testing.T) {
	t.Parallel()
	p := chain.Local()
	p.Poll = 5 * time.Millisecond
	w := newWatched(t, p)
	w.event(1)
	w.sim.commit(2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.w.Run(ctx) }()
	for len(w.given()) == 0 {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := chain.NewWatcher(chain.WatchConfig{Name: "x"}, w.c, w.disk, w.h, nil); !errors.Is(err, chain.ErrConfig) {
		t.Error(err)
	}
}
