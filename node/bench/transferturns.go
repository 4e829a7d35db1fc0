package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// measured is a Way that is being measured.
type measured struct {
	name, what string
	bytes      int64
	// once does it once; what it makes lies at dest, a file or a folder.
	once func(ctx context.Context, dest string) error

	speed, cpu, memory []float64
}

func (w *measured) result() Way {
	return Way{
		Name: w.name, What: w.what, Bytes: w.bytes,
		Speed: summarise(w.speed), CPU: summarise(w.cpu), Memory: summarise(w.memory),
	}
}

// turns measures ways in turn, each round beginning with another.
type turns struct {
	dir    string
	ways   []*measured
	report func(string)
}

func (t turns) run(ctx context.Context, rounds int) error {
	for round := range 1 + rounds {
		note := ""
		if round == 0 {
			note = ", to warm up"
		}
		t.report(fmt.Sprintf("round %d of %d%s", round, rounds, note))
		for turn := range t.ways {
			w := t.ways[(round+turn)%len(t.ways)]
			if err := t.once(ctx, w, round > 0); err != nil {
				return fmt.Errorf("bench: %s: %w", w.name, err)
			}
		}
	}
	return nil
}

// once lets a way go once, and keeps what was seen if it counts.
func (t turns) once(ctx context.Context, w *measured, counts bool) error {
	dest := filepath.Join(t.dir, "dest")
	// What an earlier way left to the collector is not this one's to use.
	debug.FreeOSMemory()
	resident := watchResident(ctx)
	// Where the system does not tell, both are 0 and nothing is kept.
	before, _ := processCPU(os.Getpid())
	since := time.Now()
	err := w.once(ctx, dest)
	took := time.Since(since)
	after, _ := processCPU(os.Getpid())
	grew := resident()
	if err = errors.Join(ctx.Err(), err, os.RemoveAll(dest)); err != nil || !counts {
		return err
	}
	w.speed = append(w.speed, float64(w.bytes)/1e6/took.Seconds())
	if after > 0 {
		w.cpu = append(w.cpu, (after-before).Seconds()*(1<<30)/float64(w.bytes))
	}
	if grew >= 0 {
		w.memory = append(w.memory, float64(grew)/(1<<20))
	}
	return nil
}
