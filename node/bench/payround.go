package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/store"
)

// memoryWorld is how many payments a world in memory makes before a fresh one
// takes over: an update of store.Mem costs by what is in it already, which no
// payment is to blame for.
const memoryWorld = 200

// payCost is what payments took: of the processor and of the clock.
type payCost struct{ cpu, wall time.Duration }

func (c *payCost) add(d payCost) { c.cpu, c.wall = c.cpu+d.cpu, c.wall+d.wall }

// timed runs do and adds what it took.
func (c *payCost) timed(do func() error) error {
	cpu, wall := cpuTime(), time.Now()
	err := do()
	c.add(payCost{cpuTime() - cpu, time.Since(wall)})
	return err
}

// payRound measures the ways once, on one kind of store: payments that nobody
// waits beside, then those in company.
func payRound(ctx context.Context, cfg PayConfig, dir string, disk bool, sign signCosts, ways []*payWay) error {
	alone := cfg
	alone.Together = 1
	var total [2][2]payTotal // alone and in company, of credit and of money
	for i, c := range []PayConfig{alone, cfg} {
		for j, money := range []bool{false, true} {
			var err error
			if total[i][j], err = paySeries(ctx, c, dir, disk, money); err != nil {
				return err
			}
		}
	}
	n := float64(cfg.Payments)
	for i, m := range []struct {
		cost  payCost
		bytes float64
	}{
		{total[0][0].notes, total[0][0].bytes}, {total[0][1].vouchers, 0}, {total[0][1].all(), total[0][1].bytes},
		{total[1][0].notes, total[1][0].bytes}, {total[1][1].all(), total[1][1].bytes},
	} {
		w := ways[i]
		if m.cost.cpu <= 0 {
			return fmt.Errorf("%w: %d payments took no time that the system measures", ErrConfig, cfg.Payments)
		}
		per, bound := n/m.cost.cpu.Seconds(), 1e6/w.does(sign)
		w.per, w.bound = append(w.per, per), append(w.bound, bound)
		w.ratio, w.wall = append(w.ratio, per/bound), append(w.wall, n/m.cost.wall.Seconds())
		w.Bytes = round(m.bytes / n / 2)
	}
	return nil
}

// payTotal is what a series of payments took, and left in all stores.
type payTotal struct {
	notes, vouchers payCost
	bytes           float64
}

func (t payTotal) all() payCost {
	both := t.notes
	both.add(t.vouchers)
	return both
}

// paySeries makes cfg.Payments payments, in one world on disk or in several in
// memory. Making the worlds is not counted.
func paySeries(ctx context.Context, cfg PayConfig, dir string, disk, money bool) (t payTotal, err error) {
	for left := cfg.Payments; left > 0; {
		n := left
		if !disk {
			n = min(left, max(memoryWorld, 2*cfg.Together))
		}
		left -= n
		// No more payees than have all the company that is asked for.
		channels := max(1, min(cfg.Channels, n/cfg.Together))
		if err := payOnce(ctx, channels, cfg.Together, n, dir, disk, money, &t); err != nil {
			return t, err
		}
	}
	return t, nil
}

func payOnce(ctx context.Context, channels, together, n int, dir string, disk, money bool, t *payTotal) (err error) {
	open := func(string) store.Store { return store.NewMem() }
	if disk {
		stores, release, err := payDisks(dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		open = stores
	}
	w, err := newPayWorld(channels, money, open)
	if err != nil {
		return err
	}
	defer w.served.Wait()
	for done := 0; done < n; done += channels * together {
		now := min(channels*together, n-done)
		if err := t.notes.timed(func() error { return w.each(now, func(i int) error { return w.pay(ctx, i%channels, done+i) }) }); err != nil {
			return err
		}
		if !money {
			continue
		}
		paid := min(now, channels)
		if err := t.vouchers.timed(func() error { return w.each(paid, func(to int) error { return w.settle(ctx, to) }) }); err != nil {
			return err
		}
	}
	size, err := w.check(ctx, n)
	t.bytes += float64(size)
	return err
}

// payDisks opens one database for the payer and one for all payees, so that the
// two sides sync by themselves as two nodes do.
func payDisks(dir string) (open func(name string) store.Store, release func() error, err error) {
	dir, err = os.MkdirTemp(dir, "stores-")
	if err != nil {
		return nil, nil, err
	}
	var disks [2]*store.Badger
	release = func() error {
		var errs []error
		for _, d := range disks {
			if d != nil {
				errs = append(errs, d.Close())
			}
		}
		return errors.Join(append(errs, os.RemoveAll(dir))...)
	}
	for i, name := range []string{"payer", "payees"} {
		if disks[i], err = store.Open(filepath.Join(dir, name), slog.New(slog.DiscardHandler)); err != nil {
			return nil, nil, errors.Join(err, release())
		}
	}
	return func(name string) store.Store {
		if name == payerName {
			return store.Prefix(disks[0], name+"/")
		}
		return store.Prefix(disks[1], name+"/")
	}, release, nil
}
