package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/store"
)

// composeModels builds the warm engines and who serves them to others, or
// their absence. The runner must be running before they are.
func (n *Node) composeModels(running ...<-chan struct{}) ([]unit, error) {
	n.serves = off{n.key, RoleProvider}
	if len(n.cfg.Provider.Models.Serve) == 0 {
		return nil, nil
	}
	warm, err := n.newEngines()
	if err != nil {
		return nil, fmt.Errorf("engines: %w", err)
	}
	conf := serving.Default()
	conf.Class = exec.Host().Class()
	s, err := serving.New(conf, serving.Deps{
		Key: n.key, Store: store.Prefix(n.db, "serving/"), Rail: n.rails, Ledger: n.book, Pool: warm, Betrayed: n.betrayed,
		Log: n.log.With("in", "serving"), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	n.serves, n.warm = s, warm
	loaded := make(chan struct{})
	return []unit{
		{name: "engines", run: warm.Pool.Run, needs: running, detail: warm.detail},
		{name: "serving", run: func(ctx context.Context) error {
			if err := n.loadModels(ctx, warm, s); err != nil {
				return err
			}
			close(loaded)
			return s.Run(ctx)
		}, ready: loaded, needs: append(running, n.host.Ready()), detail: func() string {
			return modelNames(s.Serves())
		}},
	}, nil
}

func modelNames(models []serving.Model) string {
	names := make([]string, 0, len(models))
	for _, m := range models {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// loadModels makes everything that --serve names ready to answer, then tells
// the network.
func (n *Node) loadModels(ctx context.Context, warm *engines, s *serving.Server) error {
	image, err := n.engineImage(ctx)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for i, what := range n.cfg.Provider.Models.Serve {
		m, err := n.model(ctx, what, image)
		if err != nil {
			return fmt.Errorf("serve %q: %w", what, err)
		}
		m.Spec.GPUs = n.cards.of(i)
		if err := clash(m, s.Serves()); err != nil {
			return fmt.Errorf("serve %q: %w", what, err)
		}
		if n.cfg.Provider.Models.Idle == 0 { // else the first request starts it, as any later one does
			if err := warm.Pool.Warm(ctx, m.Spec); err != nil {
				return fmt.Errorf("serve %q: %w", what, err)
			}
		}
		if m.TPSMilli, m.TTFTMS, err = warm.measure(ctx, m); err != nil {
			return fmt.Errorf("serve %q: a first request to the engine: %w", what, err)
		}
		if err := s.Add(m); err != nil {
			return fmt.Errorf("serve %q: %w", what, err)
		}
		n.log.Info("model is served", "name", m.Name, "cid", m.CID, "context", m.Context,
			"rates", m.Rates)
	}
	return n.announce()
}

// clash refuses a model that could not be told from one that is served: by its
// name, or because it is the same.
func clash(m serving.Model, served []serving.Model) error {
	for _, o := range served {
		switch {
		case o.CID == m.CID:
			return fmt.Errorf("it is served already, as %q: one name a model", o.Name)
		case strings.EqualFold(o.Name, m.Name):
			return fmt.Errorf("another model is served as %q: write NAME=%s with another name", o.Name, m.CID)
		}
	}
	return nil
}

// engineImage is the image that serves, laid out as a folder.
func (n *Node) engineImage(ctx context.Context) (exec.Image, error) {
	ref := n.cfg.Provider.Models.Engine
	if ref == "" {
		ref = engine.ImageName
	}
	e, err := n.lib.ResolveImage(ctx, ref, "")
	if err != nil {
		return exec.Image{}, err
	}
	layout, err := n.lib.FetchImage(ctx, e.CID, content.MaxBring)
	if err == nil {
		_, err = n.lib.Blobs().Hold(e.CID) // as long as the node runs: it may have no name
	}
	return exec.Image{Digest: e.Digest, Layout: layout}, err
}

// model finds one model of --serve and says how it is sold and run.
func (n *Node) model(ctx context.Context, what string, image exec.Image) (m serving.Model, err error) {
	name, ref, named := strings.Cut(what, "=")
	if !named {
		name, ref = servedName(what), what
	}
	e, err := n.lib.ResolveModel(ctx, ref, "")
	if err != nil {
		return m, err
	}
	path, err := n.lib.FetchFile(ctx, e.CID, content.MaxBring)
	if err == nil {
		_, err = n.lib.Blobs().Hold(e.CID)
	}
	if err != nil {
		return m, err
	}
	if file, swaps := strings.CutPrefix(n.cfg.Provider.Cheat, CheatSwap); swaps {
		path = file
	}
	c := n.cfg.Provider.Models
	size, err := n.sizes(ctx, e)
	if err != nil {
		return m, err
	}
	m = serving.Model{
		Name: name, CID: e.CID, Image: image.Digest, Context: size.Context, Parallel: size.Parallel,
		Rates: c.rates(),
	}
	m.Spec = engine.Spec{
		Key: image.Digest + "/" + e.CID, Image: image, Adapter: c.Adapter, Model: path, Name: name,
		Parallel: size.Parallel, Context: size.Context,
		Env:    []string{"INFERNET_THREADS=" + strconv.Itoa(n.threads())},
		Limits: engineLimits(min(size.Memory(), n.engineMemory()), n.threads()),
	}
	return m, nil
}

// servedName is what a model is called that was given as a file: the file's
// name without its kind, in lower case as names are looked up.
func servedName(ref string) string {
	if !filepath.IsAbs(ref) {
		return strings.ToLower(ref)
	}
	base := filepath.Base(ref)
	return strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base)))
}

// sizes is how long requests to a model may be and how many of them it answers
// at once: what the operator says and the model was made for, within the memory
// that there is for each engine.
func (n *Node) sizes(ctx context.Context, e content.Entry) (engine.Sizes, error) {
	c := n.cfg.Provider.Models
	s := engine.Sizes{Weights: e.Size, Context: maxContext, Parallel: c.Parallel}
	h, err := n.lib.Describe(ctx, e.CID)
	if err != nil && !errors.Is(err, gguf.ErrFormat) { // else the engine knows its own format
		return s, err
	}
	s.CacheToken = h.CacheToken
	if h.ContextLength > 0 {
		s.Context = int(min(h.ContextLength, maxContext))
	}
	if c.Context > 0 {
		s.Context = c.Context
	}
	if len(n.cards.all) > 0 {
		return s, nil // weights and cache are on the cards, of whose memory the engine makes the most itself
	}
	fit, err := s.Fit(n.engineMemory() / uint64(len(c.Serve)))
	switch {
	case err != nil:
		return s, fmt.Errorf("%w: give more (--engine-memory), or serve a smaller model", err)
	case c.Context > fit.Context:
		return s, fmt.Errorf("%w for a context of %d tokens: %d would fit", engine.ErrMemory, c.Context, fit.Context)
	case fit != s:
		n.log.Warn("less than asked, for lack of memory", "model", e.Name, "context", fit.Context, "parallel", fit.Parallel)
	}
	return fit, nil
}

// engineMemory is what all engines together may take.
func (n *Node) engineMemory() uint64 {
	if m := n.cfg.Provider.Models.Memory; m > 0 {
		return m
	}
	return exec.Host().MemoryBytes / 4 * 3
}

// threads leaves one core to the node itself: threads that wait for a core make
// an engine slower than fewer threads do.
func (n *Node) threads() int {
	if t := n.cfg.Provider.Models.Threads; t > 0 {
		return t
	}
	return max(1, exec.Host().Cores-1)
}

// engineLimits give an engine its memory, and cores for its threads.
func engineLimits(memory uint64, threads int) exec.Limits {
	return exec.Limits{
		CPUMillis: uint64(threads) * 1000, MemoryBytes: memory, PIDs: 1024,
		WallClock: exec.MaxWallClock, ScratchBytes: 64 << 20,
	}
}
