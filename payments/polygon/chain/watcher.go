package chain

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"infernet.tech/infernet/store"
)

const (
	// maxMarks is how many blocks are remembered to go back to.
	maxMarks = 64
	// maxBehind is how many blocks endpoints may be behind what they told before.
	maxBehind = 1000
	// maxBatch is how many logs one transaction is given, full blocks at least.
	maxBatch = 256
)

// Handler takes a watcher's findings. What it does on Final and Undo goes into
// the transaction it is given.
type Handler interface {
	// Final is given each log of a final block once, in order, in the
	// transaction that moves the cursor.
	Final(tx store.Txn, logs []types.Log) error
	// Undo says that blocks above this one, given by Final, were replaced after
	// all: what is there now is given anew. It does not happen on a chain that
	// keeps its word.
	Undo(tx store.Txn, above uint64) error
	// Fresh is given all logs of blocks not final yet, of any endpoint, at each
	// look where they differ from before: what is gone from it never happened.
	// A hint and no truth; it must not block.
	Fresh(logs []types.Log)
}

// WatchConfig says what is watched.
type WatchConfig struct {
	// Name keeps the cursors of several watchers apart.
	Name     string
	Contract common.Address
	// Topics as in LogQuery.
	Topics [][]common.Hash
	// Start is the first block of interest: the contract's own.
	Start uint64
}

// Watcher follows a contract's events over restarts and reorgs. Its Step is
// for one goroutine at a time.
type Watcher struct {
	cfg   WatchConfig
	c     *Client
	s     store.Store
	h     Handler
	log   *slog.Logger
	fresh []types.Log
	told  bool // Fresh was called
}

// NewWatcher keeps its cursor in s; log may be nil.
func NewWatcher(cfg WatchConfig, c *Client, s store.Store, h Handler, log *slog.Logger) (*Watcher, error) {
	if cfg.Name == "" || len(cfg.Name) > 64 || cfg.Contract == (common.Address{}) || c == nil || s == nil || h == nil {
		return nil, fmt.Errorf("%w: a watcher needs a name, a contract, a chain, a store and a handler", ErrConfig)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{cfg: cfg, c: c, s: s, h: h, log: log}, nil
}

// mark is a block up to which everything was given.
type mark struct {
	Number uint64      `json:"number"`
	Hash   common.Hash `json:"hash"`
}

// key names the cursor by all that decides what is given: another selection
// begins at the start.
func (w *Watcher) key() []byte {
	h := sha256.New()
	for _, place := range w.cfg.Topics {
		for _, t := range place {
			h.Write(t[:])
		}
		h.Write([]byte{0})
	}
	return fmt.Appendf(nil, "chain/%d/watch/%s/%x/%x", w.c.Profile().ChainID, w.cfg.Name, w.cfg.Contract, h.Sum(nil)[:8])
}

// marks are kept oldest first; none before the first look.
func (w *Watcher) marks(r store.Reader) (m []mark, err error) {
	raw, err := r.Get(w.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &m); err != nil || len(m) == 0 {
		return nil, fmt.Errorf("%w: cursor of %s", ErrCorrupt, w.cfg.Name)
	}
	return m, nil
}

func (w *Watcher) setMarks(tx store.Txn, m []mark) error {
	if len(m) == 0 {
		return tx.Delete(w.key())
	}
	raw, err := json.Marshal(m[max(0, len(m)-maxMarks):])
	if err != nil {
		return err
	}
	return tx.Set(w.key(), raw)
}

// Cursor is the last block of which everything was given; ok is false before
// the first.
func (w *Watcher) Cursor() (number uint64, ok bool, err error) {
	err = w.s.View(func(r store.Reader) error {
		m, err := w.marks(r)
		if len(m) > 0 {
			number, ok = m[len(m)-1].Number, true
		}
		return err
	})
	return number, ok, err
}

// Step catches up to the final block, which it returns, and tells of fresh
// logs after it. Errors are the Client's and the Handler's; what was given
// before one stays given.
func (w *Watcher) Step(ctx context.Context) (Block, error) {
	v, err := w.c.View(ctx)
	if err != nil {
		return Block{}, err
	}
	var m []mark
	if err := w.s.View(func(r store.Reader) (err error) { m, err = w.marks(r); return err }); err != nil {
		return Block{}, err
	}
	if m, err = w.back(ctx, v, m); err != nil {
		return Block{}, err
	}
	from := w.cfg.Start
	if len(m) > 0 {
		from = m[len(m)-1].Number + 1
	}
	for from <= v.Final.Number {
		to := min(v.Final.Number, from+w.c.Profile().MaxLogs-1)
		if err := w.take(ctx, v, from, to); err != nil {
			return Block{}, err
		}
		from = to + 1
	}
	w.freshen(ctx, v)
	return v.Final, nil
}

// back returns the marks that are still in the chain, and has the rest undone.
func (w *Watcher) back(ctx context.Context, v View, m []mark) ([]mark, error) {
	keep := len(m)
	for ; keep > 0; keep-- {
		last := m[keep-1]
		if last.Number > v.Final.Number {
			if keep == len(m) && last.Number <= v.Head.Number+maxBehind {
				return m, nil // the endpoints are behind us; nothing to say yet
			}
			continue // a chain begun anew, or an endpoint once told heights that are not there
		}
		b, err := w.c.final(ctx, v, last.Number)
		if err != nil {
			return nil, err
		}
		if b.Hash == last.Hash {
			break
		}
	}
	if keep == len(m) {
		return m, nil
	}
	above := uint64(0)
	if w.cfg.Start > 0 {
		above = w.cfg.Start - 1
	}
	if keep > 0 {
		above = m[keep-1].Number
	}
	w.log.Error("blocks taken for final were replaced", "watcher", w.cfg.Name, "above", above, "err", ErrReorg)
	err := w.s.Update(func(tx store.Txn) error {
		return errors.Join(w.h.Undo(tx, above), w.setMarks(tx, m[:keep]))
	})
	return m[:keep], err
}

// take gives the logs of a range, some blocks at a time.
func (w *Watcher) take(ctx context.Context, v View, from, to uint64) error {
	logs, err := w.c.span(ctx, v, LogQuery{w.cfg.Contract, w.cfg.Topics, from, to})
	if err != nil {
		return err
	}
	end, err := w.c.final(ctx, v, to)
	if err != nil {
		return err
	}
	for len(logs) > maxBatch {
		n := maxBatch
		for n < len(logs) && logs[n].BlockNumber == logs[n-1].BlockNumber {
			n++
		}
		if n == len(logs) {
			break
		}
		if err := w.give(logs[:n], mark{logs[n-1].BlockNumber, logs[n-1].BlockHash}); err != nil {
			return err
		}
		logs = logs[n:]
	}
	return w.give(logs, mark{end.Number, end.Hash})
}

func (w *Watcher) give(logs []types.Log, upTo mark) error {
	return w.s.Update(func(tx store.Txn) error {
		m, err := w.marks(tx)
		if err != nil {
			return err
		}
		if len(logs) > 0 {
			if err := w.h.Final(tx, logs); err != nil {
				return err
			}
		}
		return w.setMarks(tx, append(m, upTo))
	})
}

// freshen tells of the logs after the final block. An endpoint that does not
// answer here is left out: any that saw an event is enough of a hint.
func (w *Watcher) freshen(ctx context.Context, v View) {
	q := LogQuery{w.cfg.Contract, w.cfg.Topics, max(v.Final.Number+1, w.cfg.Start), v.Final.Number + w.c.Profile().MaxLogs}
	var all []types.Log
	answered := false
	for _, a := range ask(ctx, v.good, func(ctx context.Context, e *endpoint) ([]types.Log, error) { return e.freshLogs(ctx, q) }) {
		answered = answered || a.err == nil
		for _, l := range a.value {
			if !slices.ContainsFunc(all, func(m types.Log) bool { return sameLog(l, m) }) && len(all) < maxBatch {
				all = append(all, l)
			}
		}
	}
	if !answered || w.told && sameLogs(all, w.fresh) {
		return
	}
	w.fresh, w.told = all, true
	w.h.Fresh(slices.Clone(all))
}

// freshLogs asks up to the endpoint's own head.
func (e *endpoint) freshLogs(ctx context.Context, q LogQuery) ([]types.Log, error) {
	head, err := e.block(ctx, "latest")
	if err != nil {
		return nil, err
	}
	if q.To = min(q.To, head.Number); q.To < q.From {
		return nil, nil
	}
	return e.logs(ctx, q)
}

// final is the block of a number up to the final one, as all say.
func (c *Client) final(ctx context.Context, v View, number uint64) (Block, error) {
	if number == v.Final.Number {
		return v.Final, nil
	}
	return settle(c, "a block", ask(ctx, v.good, func(ctx context.Context, e *endpoint) (Block, error) {
		return e.block(ctx, hexutil.Uint64(number))
	}), func(a, b Block) bool { return a.Hash == b.Hash })
}

// Run steps every Profile.Poll until ctx is done.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.c.Profile().Poll)
	defer tick.Stop()
	told := ""
	for {
		_, err := w.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if now := kindOf(err); now != told {
			told = now
			if err != nil {
				w.log.Warn("events of the contract wait", "watcher", w.cfg.Name, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
