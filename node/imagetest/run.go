package imagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/enginetest"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/alone"
)

// folder names the temporary folder of the tests of one user.
const folder = "image-test"

// key is the engine's in its pool.
const key = "image-test"

// Run tries an image. It needs Linux, root and the programs of the runtime.
// Errors: ErrConfig, fs.ErrNotExist, exec.ErrUnsupported, exec.ErrNoRights,
// exec.ErrNoRuntime, engine.ErrNotBuilt, gpu.ErrNoGPU, those of package alone,
// that of ctx.
func Run(ctx context.Context, cfg Config) (res Result, err error) {
	if err := cfg.Validate(); err != nil {
		return res, err
	}
	if err := alone.Able(); err != nil {
		return res, fmt.Errorf("imagetest: %w", err)
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	if cfg.cards, err = cfg.find(ctx); err != nil {
		return res, err
	}
	dir, release, err := alone.Take(ctx, folder, sweep)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, release()) }()
	res = Result{OK: true, Adapter: cfg.Adapter, Can: []string{}}
	spec, ok, err := cfg.spec(ctx, dir, &res)
	if err != nil || !ok {
		res.Left = true
		return res, err
	}
	cfg.Report("starting containerd")
	r, err := alone.Start(ctx, filepath.Join(dir, "runtime"), alone.Options{Program: cfg.Program, GPUs: cfg.cards})
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return res, cfg.try(ctx, r, spec, &res)
}

func sweep(_ context.Context, dir string) error { return alone.Sweep(filepath.Join(dir, "runtime")) }

// find finds the GPUs that were asked for.
func (c Config) find(ctx context.Context) ([]gpu.Device, error) {
	if c.GPUs.None() {
		return nil, nil
	}
	found, err := gpu.Host{}.Detect(ctx)
	if err != nil {
		return nil, err
	}
	return c.GPUs.Select(found)
}

// spec says how the image is run; false when something is wrong with it, which
// res then tells.
func (c Config) spec(ctx context.Context, dir string, res *Result) (engine.Spec, bool, error) {
	path, name, size, err := c.model(dir)
	if err != nil {
		return engine.Spec{}, false, err
	}
	res.Model = name
	c.Report("reading the image")
	since := time.Now()
	img, err := c.image(ctx, filepath.Join(dir, "image"))
	if err != nil && (ctx.Err() != nil || !errors.Is(err, exec.ErrImage) && !errors.Is(err, exec.ErrImageTooBig)) {
		return engine.Spec{}, false, err
	}
	if !res.add(CheckImage, enginetest.Must, since, err) {
		return engine.Spec{}, false, nil
	}
	res.Digest = img.Digest
	s := engine.Spec{
		Key: key, Image: img, Adapter: c.Adapter, Model: path, Name: name,
		Parallel: c.Parallel, Context: c.Context, Limits: c.limits(size), GPUs: gpu.Request{Count: len(c.cards)},
	}
	since = time.Now()
	_, err = engine.CapabilitiesOf(s)
	return s, res.add(CheckLabels, enginetest.Must, since, err), nil
}

// image is the image as a layout, in dir where it is none yet.
func (c Config) image(ctx context.Context, dir string) (exec.Image, error) {
	if c.Image == engine.ImageName {
		return engine.BuildImage(dir)
	}
	path, err := filepath.Abs(c.Image)
	if err != nil {
		return exec.Image{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return exec.Image{}, err
	}
	if !info.IsDir() {
		return image.LayoutFromTar(ctx, path, dir, image.Limits{})
	}
	l, err := image.Open(path, "", image.Limits{})
	if err != nil {
		return exec.Image{}, err
	}
	return exec.Image{Digest: l.Digest, Layout: path}, l.Verify(ctx)
}

// try starts the engine and makes the checks.
func (c Config) try(ctx context.Context, r *alone.Runtime, s engine.Spec, res *Result) (err error) {
	conf := engine.Default()
	conf.Memory = math.MaxInt64 // there is one engine, and its sandbox bounds it
	conf.Idle, conf.StartTimeout = 24*time.Hour, c.Start
	pool, stop, err := r.Engines(ctx, conf, c.cards)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	c.Report("starting the engine")
	since := time.Now()
	err = pool.Warm(ctx, s)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !res.add(CheckStart, enginetest.Must, since, err) {
		res.Left = true
		return nil
	}
	c.Report("checking")
	o := enginetest.Options{Model: s.Name, Context: s.Context, Parallel: s.Parallel, Timeout: c.Each, Slack: c.Slack}
	if a, ok := engine.AdapterOf(c.Adapter); ok {
		o.Health = a.Health
	}
	found := enginetest.Check(ctx, &http.Client{Transport: through{pool, s}}, "http://engine", o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, f := range found {
		res.take(f)
	}
	res.Can = append(res.Can, enginetest.Capabilities(found)...)
	res.add(CheckRuns, enginetest.Must, time.Now(), ended(pool))
	res.add(CheckClaims, enginetest.Should, time.Now(), overclaimed(s, found))
	return nil
}

// ended tells of an engine that ended by itself and was started again.
func ended(pool *engine.Pool) error {
	for _, s := range pool.Status() {
		if s.LastError != "" {
			return fmt.Errorf("it was started again %d times; the last time because of: %s", s.Restarts, s.LastError)
		}
	}
	return nil
}

// overclaimed finds capabilities that the image claims and does not have.
// Those without a check are believed.
func overclaimed(s engine.Spec, found []enginetest.Finding) error {
	claimed, err := engine.CapabilitiesOf(s)
	if err != nil {
		return err
	}
	var without []string
	for _, f := range found {
		for _, can := range claimed {
			if f.Name == "can "+can && !f.OK && !slices.Contains(without, can) {
				without = append(without, can)
			}
		}
	}
	if len(without) > 0 {
		return fmt.Errorf("it claims %q", without)
	}
	return nil
}
