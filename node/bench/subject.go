package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/image"
)

// The two ways to an engine.
const (
	engineWay  = 0 // its own socket
	networkWay = 1 // through both nodes
)

// subject is one kind of engine, running twice: on a containerd of our own and
// at a provider.
type subject struct {
	cfg  InferConfig
	ways [2]inferWay
	net  *trio
	// prompt differs from one number to the next, so that no engine answers from
	// what it remembers of the last one.
	prompt func(number int) string
}

// paceMS is the time between two tokens of an engine that is paced.
const paceMS = 5

// engineParallel is how many requests both engines are told to take at once.
const engineParallel = 64

// kind says which engine is measured: its image in dir, and its model's file
// in dir, "" where it needs none.
type kind func(dir string, cfg InferConfig) (img exec.Image, model string, err error)

// llmSubject is the default engine with the demonstration model.
func llmSubject(dir string, _ InferConfig) (exec.Image, string, error) {
	img, err := engine.BuildImage(filepath.Join(dir, "image"))
	if err != nil {
		return img, "", err
	}
	path := filepath.Join(dir, "bench.gguf")
	return img, path, os.WriteFile(path, engine.DemoModel(), 0o644)
}

// echoSubject is an engine without a model, beside a model's file that nothing
// reads.
func echoSubject(dir string, cfg InferConfig) (exec.Image, string, error) {
	bin := cfg.Bin
	if bin == "" {
		var err error
		if bin, err = os.Executable(); err != nil {
			return exec.Image{}, "", err
		}
	}
	layout := filepath.Join(dir, "image")
	if err := os.MkdirAll(layout, 0o755); err != nil {
		return exec.Image{}, "", err
	}
	digest, err := image.WriteLayout(layout, image.Spec{
		Files:      map[string]image.File{"echo": {Mode: 0o755, Path: filepath.Join(filepath.Dir(bin), "engine", "infernet-echo")}},
		Entrypoint: []string{"/echo"}, WorkDir: "/", Name: "bench-echo", Labels: map[string]string{engine.LabelEngine: "1"},
	})
	if err != nil {
		return exec.Image{}, "", fmt.Errorf("%w (make builds it)", err)
	}
	path := filepath.Join(dir, "bench.gguf")
	return exec.Image{Digest: digest, Layout: layout}, path, os.WriteFile(path, engine.DemoModel(), 0o644)
}

// modelName is what requests call the model, both ways.
const modelName = "bench"

// withEngine runs fn while the engine runs both ways.
func withEngine(ctx context.Context, dir string, cfg InferConfig, of kind, fn func(*subject) error) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	img, model, err := of(dir, cfg)
	if err != nil {
		return err
	}
	cfg.Report("starting the engine alone")
	alone, err := newDirect(ctx, filepath.Join(dir, "direct"), cfg.Bin, img)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.close()) }()
	client, stop, err := alone.serve(ctx, img, model)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	cfg.Report("starting a network: a relay, a provider that serves the model, a client")
	net, err := newTrio(ctx, dir, cfg.Bin, []string{modelName + "=" + model},
		"--engine", img.Layout, "--parallel", strconv.Itoa(engineParallel), "--threads", "1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, net.close(ctx)) }()
	node, _ := net.nodes.Node("client")
	through := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: engineParallel}}
	defer through.CloseIdleConnections()
	s := &subject{cfg: cfg, net: net, prompt: story}
	s.ways[engineWay] = inferWay{client: client, base: "http://engine", model: modelName}
	s.ways[networkWay] = inferWay{client: through, base: "http://" + node.API, token: net.client.Token(), model: modelName}
	return fn(s)
}

// story is what the demonstration model has most to say to.
func story(number int) string {
	return fmt.Sprintf("Tell me a little story about the number %d and a dog.", number)
}

// paced has the engine without a model take its time (exec/engine/echo).
func (s *subject) paced(number int) string {
	return fmt.Sprintf("story %d @repeat=%d @delay=%dms", number, s.cfg.Tokens, paceMS)
}

// cost is what some answers took together.
type cost struct {
	tokens, body int
	took, cpu    time.Duration // cpu of both nodes
	loopback     int64         // bytes
}

func (c cost) plus(d cost) cost {
	return cost{
		tokens: c.tokens + d.tokens, body: c.body + d.body, took: c.took + d.took,
		cpu: c.cpu + d.cpu, loopback: c.loopback + d.loopback,
	}
}

// round makes n answers at once, and tells what all of them took.
func (s *subject) round(ctx context.Context, way, n, number int) (cost, error) {
	answers := make([]answer, n)
	before, err := s.use()
	if err != nil {
		return cost{}, err
	}
	since := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() (err error) {
			answers[i], err = s.ways[way].ask(gctx, s.prompt(number*n+i), s.cfg.Tokens, true)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return cost{}, err
	}
	out := cost{took: time.Since(since)}
	after, err := s.use()
	if err != nil {
		return cost{}, err
	}
	out.cpu, out.loopback = after.cpu-before.cpu, after.loopback-before.loopback
	for _, a := range answers {
		out.tokens, out.body = out.tokens+a.tokens, out.body+a.body
	}
	return out, nil
}

// flood asks as fast as answers come for a while. It returns answers a second,
// and microseconds of the nodes' processor time for each.
func (s *subject) flood(ctx context.Context, way int) (rate, micros float64, err error) {
	before, err := s.use()
	if err != nil {
		return 0, 0, err
	}
	since := time.Now()
	until := since.Add(s.cfg.EchoFor)
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	for range s.cfg.AtOnce {
		g.Go(func() error {
			for time.Now().Before(until) {
				if _, err := s.ways[way].ask(gctx, "hello", 8, false); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	took := time.Since(since)
	after, err := s.use()
	n := float64(done.Load())
	return round(n / took.Seconds()), round(float64((after.cpu - before.cpu).Microseconds()) / n), err
}

// usage is what the nodes have used so far.
type usage struct {
	cpu      time.Duration
	loopback int64
}

// use reads the processor time of the client's and the provider's process, and
// the bytes that went over loopback.
func (s *subject) use() (usage, error) {
	var u usage
	for _, name := range []string{"client", "provider1"} {
		node, ok := s.net.nodes.Node(name)
		if !ok {
			return u, fmt.Errorf("%w: no node %s", ErrInfer, name)
		}
		cpu, err := processCPU(node.PID)
		if err != nil {
			return u, err
		}
		u.cpu += cpu
	}
	u.loopback = loopbackBytes()
	return u, nil
}
