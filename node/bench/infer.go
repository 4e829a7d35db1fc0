package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"infernet.tech/infernet/node/alone"
)

// InferConfig says how much is measured.
type InferConfig struct {
	N       int           // requests one at a time, each way, for the time to the first token
	Warmup  int           // requests before the first that counts, each way
	Tokens  int           // of each answer, where the model does not end it sooner
	Streams []int         // how many answers are made at once, each in turn
	Rounds  int           // of each number of streams, each way
	Echo    int           // requests one at a time to an engine without a model, each way; 0 leaves the part out
	AtOnce  int           // of those requests at once in the second half of the part
	EchoFor time.Duration // how long that half lasts, each way
	Bin     string        // the infernet program; "" is this one
	Report  func(string)  // told what happens, a line each; may be nil
}

// DefaultInfer is what the verb measures.
func DefaultInfer() InferConfig {
	return InferConfig{
		N: 100, Warmup: 5, Tokens: 64, Streams: []int{1, 8, 32}, Rounds: 5,
		Echo: 1000, AtOnce: 32, EchoFor: 5 * time.Second,
	}
}

// Validate tells the first number that makes no sense. Error: ErrConfig.
func (c InferConfig) Validate() error {
	switch {
	case c.N < 1 || c.N > 100_000 || c.Echo < 0 || c.Echo > 1_000_000:
		return fmt.Errorf("%w: %d and %d requests", ErrConfig, c.N, c.Echo)
	case c.Tokens < 2 || c.Tokens > 4096:
		return fmt.Errorf("%w: answers of %d tokens, 2 to 4096 are possible", ErrConfig, c.Tokens)
	case c.Rounds < 1 || c.Warmup < 1 || c.AtOnce < 1 || c.AtOnce > 64:
		return fmt.Errorf("%w: at least one round, one request to warm up, and 1 to 64 at once", ErrConfig)
	case c.Echo > 0 && (c.EchoFor <= 0 || c.EchoFor > time.Minute):
		return fmt.Errorf("%w: %v of echoes, up to a minute is possible", ErrConfig, c.EchoFor)
	case slices.ContainsFunc(c.Streams, func(n int) bool { return n < 1 || n > 64 }):
		return fmt.Errorf("%w: 1 to 64 streams are possible", ErrConfig)
	}
	return nil
}

// Infer is what was measured: the same requests to an engine's own socket, and
// through a client's local API, its node, libp2p and a provider's node to an
// engine of the same image, started in the same way.
type Infer struct {
	Machine Machine `json:"machine"`
	// First is the time to the first token of an answer, in milliseconds.
	First Added `json:"first_token"`
	// Streams is the speed of many answers at once.
	Streams []Speed `json:"streams"`
	// Paced is the same for an engine without a model that makes a token every
	// PaceMS milliseconds in each stream, as models of ordinary size do.
	Paced  []Speed `json:"paced,omitempty"`
	PaceMS int     `json:"pace_ms,omitempty"`
	Echo   *Echo   `json:"echo,omitempty"`
}

// Added is one time beside its baseline, in milliseconds.
type Added struct {
	Engine   Series  `json:"engine_ms"`
	Network  Series  `json:"network_ms"`
	AddedP50 float64 `json:"added_p50_ms"`
	AddedP99 float64 `json:"added_p99_ms"`
}

func added(engine, network []float64) Added {
	a := Added{Engine: summarise(engine), Network: summarise(network)}
	a.AddedP50, a.AddedP99 = round(a.Network.Median-a.Engine.Median), round(a.Network.P99-a.Engine.P99)
	return a
}

// Speed is tokens a second of so many streams together.
type Speed struct {
	Streams int     `json:"streams"`
	Engine  Series  `json:"engine_tokens_per_second"`
	Network Series  `json:"network_tokens_per_second"`
	Ratio   float64 `json:"ratio"` // of the medians
	// What the nodes add, for each token: processor time of the client's and the
	// provider's process together, and bytes over loopback in all (the local API
	// and the network; 0 where the system does not tell).
	CPUMicros float64 `json:"nodes_cpu_us_per_token"`
	Bytes     float64 `json:"loopback_bytes_per_token"`
	Body      float64 `json:"body_bytes_per_token"`
}

// Echo is a request to an engine without a model: what is left is ours.
type Echo struct {
	One           Added   `json:"one_at_a_time"`
	AtOnce        int     `json:"at_once"`
	EngineRate    float64 `json:"engine_requests_per_second"`
	NetworkRate   float64 `json:"network_requests_per_second"`
	CPUPerRequest float64 `json:"nodes_cpu_us_per_request"`
}

// The folders of the two engines.
const (
	llmPart  = "llm"
	echoPart = "echo"
)

// RunInfer measures. It needs root and the programs of the runtime. Errors:
// those of RunDispatch, ErrInfer.
func RunInfer(ctx context.Context, cfg InferConfig) (out Infer, err error) {
	if err := errors.Join(cfg.Validate(), alone.Able()); err != nil {
		return out, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	dir, release, err := alone.Take(ctx, "bench-infer", sweep)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, release()) }()
	out.Machine = thisMachine()
	err = withEngine(ctx, filepath.Join(dir, llmPart), cfg, llmSubject, func(s *subject) error {
		if err := s.first(ctx, &out); err != nil {
			return err
		}
		out.Streams, err = s.streams(ctx)
		return err
	})
	if err != nil || cfg.Echo == 0 {
		return out, err
	}
	err = withEngine(ctx, filepath.Join(dir, echoPart), cfg, echoSubject, func(s *subject) error {
		if err := s.echo(ctx, &out); err != nil {
			return err
		}
		s.prompt, out.PaceMS = s.paced, paceMS
		out.Paced, err = s.streams(ctx)
		return err
	})
	return out, err
}

// first lets engine and network take turns at one short request.
func (s *subject) first(ctx context.Context, out *Infer) error {
	s.cfg.Report(fmt.Sprintf("time to the first token: %d requests each way, after %d to warm up", s.cfg.N, s.cfg.Warmup))
	var times [2][]float64
	for i := range s.cfg.Warmup + s.cfg.N {
		for turn := range times {
			way := (i + turn) % len(times)
			a, err := s.ways[way].ask(ctx, s.prompt(i), 2, true)
			if err != nil {
				return err
			}
			if i >= s.cfg.Warmup {
				times[way] = append(times[way], millis(a.first))
			}
		}
	}
	out.First = added(times[0], times[1])
	return nil
}

// streams measures each number of streams, both ways in turn.
func (s *subject) streams(ctx context.Context) (all []Speed, err error) {
	for _, n := range s.cfg.Streams {
		s.cfg.Report(fmt.Sprintf("%d streams: %d rounds each way", n, s.cfg.Rounds))
		var rates [2][]float64
		var cost cost
		for i := range s.cfg.Rounds {
			for turn := range rates {
				way := (i + turn) % len(rates)
				done, err := s.round(ctx, way, n, i)
				if err != nil {
					return nil, err
				}
				rates[way] = append(rates[way], float64(done.tokens)/done.took.Seconds())
				if way == networkWay {
					cost = cost.plus(done)
				}
			}
		}
		v := Speed{Streams: n, Engine: summarise(rates[engineWay]), Network: summarise(rates[networkWay])}
		v.Ratio = ratio(v.Network.Median, v.Engine.Median)
		if t := float64(cost.tokens); t > 0 {
			v.CPUMicros, v.Bytes, v.Body = round(float64(cost.cpu.Microseconds())/t), round(float64(cost.loopback)/t), round(float64(cost.body)/t)
		}
		all = append(all, v)
	}
	return all, nil
}

// echo measures requests that no model answers, one at a time and many at once.
func (s *subject) echo(ctx context.Context, out *Infer) error {
	s.cfg.Report(fmt.Sprintf("no model: %d requests each way, then %d at once for %v each way", s.cfg.Echo, s.cfg.AtOnce, s.cfg.EchoFor))
	var times [2][]float64
	for i := range s.cfg.Warmup + s.cfg.Echo {
		for turn := range times {
			way := (i + turn) % len(times)
			a, err := s.ways[way].ask(ctx, "hello", 8, false)
			if err != nil {
				return err
			}
			if i >= s.cfg.Warmup {
				times[way] = append(times[way], millis(a.took))
			}
		}
	}
	e := &Echo{One: added(times[engineWay], times[networkWay]), AtOnce: s.cfg.AtOnce}
	for way := range times {
		rate, cpu, err := s.flood(ctx, way)
		if err != nil {
			return err
		}
		if way == engineWay {
			e.EngineRate = rate
			continue
		}
		e.NetworkRate, e.CPUPerRequest = rate, cpu
	}
	out.Echo = e
	return nil
}
