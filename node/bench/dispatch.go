package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/node/alone"
	"infernet.tech/infernet/node/devnet"
)

// What the task may use, in the network and in the hardened baseline alike.
const (
	taskCPU    = 1000     // thousandths of a core
	taskMemory = 64 << 20 // bytes
	taskDisk   = 16 << 20 // bytes of /out
)

// DispatchConfig says how much is measured.
type DispatchConfig struct {
	N        int          // tasks one at a time, for each way
	Warmup   int          // tasks before the first that counts, for each way
	InFlight int          // tasks under way at once in the second part; 0 leaves it out
	AtOnce   int          // containers that run at once in the second part, for each way
	Rounds   int          // of the second part
	Bin      string       // the infernet program; "" is this one
	Report   func(string) // told what happens, a line each; may be nil
}

// DefaultDispatch is what the verb measures.
func DefaultDispatch() DispatchConfig {
	return DispatchConfig{N: 20, Warmup: 3, InFlight: 64, AtOnce: 8, Rounds: 3}
}

// Validate tells the first number that makes no sense. Error: ErrConfig.
func (c DispatchConfig) Validate() error {
	switch {
	case c.N < 1 || c.N > 10_000:
		return fmt.Errorf("%w: %d tasks, 1 to 10000 are possible", ErrConfig, c.N)
	case c.InFlight < 0 || c.InFlight > 1024:
		return fmt.Errorf("%w: %d in flight, 0 to 1024 are possible", ErrConfig, c.InFlight)
	case c.AtOnce < 1 || c.AtOnce > 256:
		return fmt.Errorf("%w: %d at once, 1 to 256 are possible", ErrConfig, c.AtOnce)
	case c.Rounds < 1 || c.Warmup < 1:
		return fmt.Errorf("%w: at least one round, and one to warm up", ErrConfig)
	}
	return nil
}

// Dispatch is what was measured: milliseconds for one task. With containerd
// alone they end when the container is removed. In the network they end when
// the client knows that the job is done, paid and written down; the provider
// removes the container meanwhile, and the next run waits for that, uncounted.
type Dispatch struct {
	Machine  Machine  `json:"machine"`
	One      Compared `json:"one_at_a_time"`
	InFlight *Batch   `json:"in_flight,omitempty"`
	// Phases is where the network's time goes, one at a time, in order.
	Phases []Phase `json:"phases"`
}

// Compared is one measurement beside its two baselines.
type Compared struct {
	Containerd   Series  `json:"containerd_ms"` // containerd's own client
	Runner       Series  `json:"runner_ms"`     // exec/containerd, with limits and hardening
	Network      Series  `json:"network_ms"`    // the whole path
	OfContainerd float64 `json:"ratio_to_containerd"`
	OfRunner     float64 `json:"ratio_to_runner"`
}

// Batch is Compared for many tasks under way; its times are those of the whole
// batch divided by its size.
type Batch struct {
	Tasks  int `json:"tasks"`
	AtOnce int `json:"at_once"`
	Compared
}

// Phase is a part of a job's life.
type Phase struct {
	Name string `json:"name"`
	What string `json:"what"`
	Took Series `json:"ms"`
}

// RunDispatch measures. It needs root and the programs of the runtime. Errors:
// exec.ErrUnsupported, exec.ErrNoRights, exec.ErrNoRuntime, ErrConfig,
// ErrJob, those of packages alone and devnet.
func RunDispatch(ctx context.Context, cfg DispatchConfig) (out Dispatch, err error) {
	if err := errors.Join(cfg.Validate(), alone.Able()); err != nil {
		return out, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	dir, release, err := alone.Take(ctx, "bench-dispatch", sweep)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, release()) }()
	img, err := writeNoop(dir)
	if err != nil {
		return out, err
	}
	cfg.Report("starting containerd alone")
	alone, err := newDirect(ctx, filepath.Join(dir, "direct"), cfg.Bin, img)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, alone.close()) }()
	cfg.Report("starting a network: a relay, a provider, a client")
	net, err := newDispatchTrio(ctx, dir, cfg, img)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, net.close(ctx)) }()
	m := &meter{cfg: cfg, alone: alone, net: net}
	if err := m.oneAtATime(ctx); err != nil {
		return out, err
	}
	out = Dispatch{Machine: thisMachine(), One: m.compared(), Phases: m.phases.list()}
	if cfg.InFlight > 0 {
		if err := m.inFlight(ctx); err != nil {
			return out, err
		}
		out.InFlight = &Batch{Tasks: cfg.InFlight, AtOnce: cfg.AtOnce, Compared: m.compared()}
	}
	return out, nil
}

// sweep ends what a run has on the machine. One that measures engines has two
// parts with a folder each.
func sweep(ctx context.Context, dir string) error {
	var errs []error
	for _, at := range []string{dir, filepath.Join(dir, llmPart), filepath.Join(dir, echoPart)} {
		errs = append(errs,
			devnet.Down(ctx, filepath.Join(at, "net")),
			sweepDirect(filepath.Join(at, "direct")),
			devnet.Down(ctx, filepath.Join(at, "direct")),
		)
	}
	return errors.Join(errs...)
}

// meter takes the times.
type meter struct {
	cfg    DispatchConfig
	alone  *direct
	net    *trio
	times  [3][]float64 // of containerd, runner, network
	phases phases
}

func (m *meter) compared() Compared {
	c := Compared{
		Containerd: summarise(m.times[0]), Runner: summarise(m.times[1]), Network: summarise(m.times[2]),
	}
	c.OfContainerd = ratio(c.Network.Median, c.Containerd.Median)
	c.OfRunner = ratio(c.Network.Median, c.Runner.Median)
	return c
}

// way does the work once and tells how long it took.
type way func(context.Context) (time.Duration, error)

func timed(once func(context.Context) error) way {
	return func(ctx context.Context) (time.Duration, error) {
		since := time.Now()
		err := once(ctx)
		return time.Since(since), err
	}
}

// oneAtATime lets the three ways take turns; who begins changes, so that no
// way always follows the same other.
func (m *meter) oneAtATime(ctx context.Context) error {
	m.times, m.phases = [3][]float64{}, phases{}
	network := func(ctx context.Context) (time.Duration, error) { return m.net.job(ctx, 1, &m.phases) }
	ways := []way{timed(m.alone.plain), timed(m.alone.hardened), network}
	m.cfg.Report(fmt.Sprintf("one at a time: %d tasks each way, after %d to warm up", m.cfg.N, m.cfg.Warmup))
	for i := range m.cfg.Warmup + m.cfg.N {
		if i == m.cfg.Warmup {
			m.times, m.phases = [3][]float64{}, phases{}
		}
		for turn := range ways {
			way := (i + turn) % len(ways)
			took, err := ways[way](ctx)
			if err != nil {
				return errors.Join(ctx.Err(), err)
			}
			m.times[way] = append(m.times[way], millis(took))
		}
	}
	return nil
}

// inFlight does the same with many tasks asked for at once, of which the same
// number runs at a time whatever the way.
func (m *meter) inFlight(ctx context.Context) error {
	many := func(once func(context.Context) error) way {
		return timed(func(ctx context.Context) error { return together(ctx, m.cfg.InFlight, m.cfg.AtOnce, once) })
	}
	network := func(ctx context.Context) (time.Duration, error) { return m.net.job(ctx, m.cfg.InFlight, nil) }
	ways := []way{many(m.alone.plain), many(m.alone.hardened), network}
	m.cfg.Report(fmt.Sprintf("in flight: %d tasks, %d of them running at once, %d rounds each way after one to warm up",
		m.cfg.InFlight, m.cfg.AtOnce, m.cfg.Rounds))
	for i := range 1 + m.cfg.Rounds {
		if i == 1 {
			m.times = [3][]float64{}
		}
		for turn := range ways {
			way := (i + turn) % len(ways)
			took, err := ways[way](ctx)
			if err != nil {
				return errors.Join(ctx.Err(), err)
			}
			m.times[way] = append(m.times[way], millis(took)/float64(m.cfg.InFlight))
		}
	}
	return nil
}

// together starts n goroutines of which atOnce work at a time.
func together(ctx context.Context, n, atOnce int, once func(context.Context) error) error {
	slots := make(chan struct{}, atOnce)
	g, ctx := errgroup.WithContext(ctx)
	var start sync.WaitGroup
	start.Add(n)
	for range n {
		g.Go(func() error {
			start.Done()
			start.Wait() // all of them are there before the first goes
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := ctx.Err(); err != nil {
				return err
			}
			return once(ctx)
		})
	}
	return g.Wait()
}
