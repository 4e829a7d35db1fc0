package sim

import (
	"context"
	"fmt"
)

// Run plays one world after the other. It ends early with ctx's error; the other
// error is ErrConfig.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	out := Report{Config: cfg}
	for _, s := range cfg.Strategies {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		cfg.Report(fmt.Sprintf("world of %d providers: %s", cfg.Providers, s))
		row, err := play(ctx, cfg, s)
		if err != nil {
			return out, err
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}
