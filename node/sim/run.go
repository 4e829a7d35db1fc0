package sim

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Run plays all worlds, as many at a time as there are cores: they know nothing
// of each other. It ends early with ctx's error; the other error is ErrConfig.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	out := Report{Config: cfg, Rows: make([]Row, len(cfg.Strategies))}
	var told sync.Mutex
	tell := func(line string) {
		told.Lock()
		defer told.Unlock()
		if cfg.Report != nil {
			cfg.Report(line)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range cfg.Strategies {
		g.Go(func() (err error) {
			out.Rows[i], err = play(ctx, cfg, s)
			if err != nil {
				return fmt.Errorf("world of the strategy %s: %w", s, err)
			}
			tell(fmt.Sprintf("%s: %d shards of %d providers", s, out.Rows[i].Shards, cfg.Providers))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Report{}, err
	}
	return out, nil
}
