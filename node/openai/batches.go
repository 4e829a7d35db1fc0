package openai

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
)

// batches runs batches. Only the handlers and the one goroutine of a batch
// change its record.
type batches struct {
	cfg     Config
	infer   Inferer
	jobs    api.Jobs
	content api.Library
	files   *shelf
	rec     record
	now     func() time.Time
	log     *slog.Logger
	wake    chan struct{}
	slots   chan struct{} // requests of all batches that run at once

	mu   sync.Mutex
	runs map[string]*running
}

// running is a batch that a goroutine works on.
type running struct {
	stop  context.CancelCauseFunc
	count tally
}

var (
	errCancelled = errors.New("cancelled by its owner")
	errExpired   = errors.New("the completion window has passed")
)

// atOnce is how many batches are worked on at the same time.
const atOnce = 4

func newBatches(cfg Config, d Deps, files *shelf) *batches {
	return &batches{
		cfg: cfg, infer: d.Infer, jobs: d.Jobs, content: d.Content, files: files, rec: record{d.Store}, now: d.Now, log: d.Log,
		wake: make(chan struct{}, 1), slots: make(chan struct{}, cfg.Parallel), runs: map[string]*running{},
	}
}

// live counts batches that have not ended; unsure counts as one.
func (b *batches) live() int {
	all, err := b.rec.list()
	if err != nil {
		return 1
	}
	n := 0
	for _, one := range all {
		if !one.Status.ended() {
			n++
		}
	}
	return n
}

// reads says whether a batch that has not ended reads a file.
func (b *batches) reads(file string) bool {
	all, err := b.rec.list()
	for _, one := range all {
		if !one.Status.ended() && one.InputFileID == file {
			return true
		}
	}
	return err != nil
}

// run works on batches until ctx ends.
func (b *batches) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := b.start(ctx, g); err != nil {
			return errors.Join(err, g.Wait())
		}
		select {
		case <-ctx.Done():
		case <-b.wake:
		case <-tick.C:
			if err := b.files.expire(b.reads); err != nil {
				b.log.Warn("files past their time were not removed", "error", err)
			}
		}
	}
	return g.Wait()
}

// start gives a goroutine to batches that have none, oldest first.
func (b *batches) start(ctx context.Context, g *errgroup.Group) error {
	all, err := b.rec.list()
	if err != nil {
		return fmt.Errorf("openai: read batches: %w", err)
	}
	for i := len(all) - 1; i >= 0; i-- {
		one := all[i]
		if one.Status.ended() || !b.take(ctx, g, one) {
			continue
		}
	}
	return nil
}

// take starts the work on one batch unless it has begun or too many are.
func (b *batches) take(ctx context.Context, g *errgroup.Group, one batch) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs[one.ID] != nil || len(b.runs) >= atOnce {
		return false
	}
	work, stop := context.WithCancelCause(ctx)
	r := &running{stop: stop, count: one.RequestCounts}
	if one.Status == cancelling {
		stop(errCancelled)
	}
	b.runs[one.ID] = r
	g.Go(func() error {
		defer stop(nil)
		err := b.work(work, one.ID, r)
		b.mu.Lock()
		delete(b.runs, one.ID)
		b.mu.Unlock()
		b.poke()
		if err != nil && ctx.Err() == nil {
			b.log.Error("batch stopped", "batch", one.ID, "error", err)
			return b.fail(one.ID, "internal_error", err)
		}
		return nil
	})
	return true
}

func (b *batches) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// counted adds to the tally of a batch, in memory: the parts on the disk tell
// it again after a crash.
func (b *batches) counted(r *running, completed, failed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.count.Completed += completed
	r.count.Failed += failed
}

// shown is a batch with its tally of now.
func (b *batches) shown(one batch) batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.runs[one.ID]; r != nil && !one.Status.ended() {
		one.RequestCounts = r.count
	}
	return one
}

// cancel asks for the end of a batch.
func (b *batches) cancel(id string) (batch, error) {
	one, err := b.rec.change(id, func(one *batch) error {
		if one.Status.ended() || one.Status == finalizing {
			e := oai.BadRequest("id", "a batch that is %s cannot be cancelled", one.Status)
			e.Status, e.Code = http.StatusConflict, "batch_ended"
			return e
		}
		if one.Status != cancelling {
			one.Status, one.CancellingAt = cancelling, b.at()
		}
		return nil
	})
	if err != nil {
		return one, err
	}
	b.mu.Lock()
	if r := b.runs[id]; r != nil {
		r.stop(errCancelled)
	}
	b.mu.Unlock()
	b.poke()
	return one, nil
}

func (b *batches) at() *int64 {
	t := b.now().Unix()
	return &t
}

// fail ends a batch that cannot go on.
func (b *batches) fail(id, code string, err error) error {
	return b.refuse(id, []fault{newFault(code, 0, "", "%s", short(err.Error()))})
}

// refuse ends a batch for what is wrong with it.
func (b *batches) refuse(id string, list []fault) error {
	_, err := b.rec.change(id, func(one *batch) error {
		one.Status, one.FailedAt = failing, b.at()
		one.Errors = &faults{Object: oai.ObjectList, Data: list}
		return nil
	})
	return err
}
