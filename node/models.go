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
	"infernet.tech/infernet/payments"
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
		Key: n.key, Store: store.Prefix(n.db, "serving/"), Rail: n.rail, Ledger: n.book, Pool: warm,
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
			"in", m.Rate.In, "out", m.Rate.Out, "unit", m.Rate.Unit)
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
	if err != nil {
		return m, err
	}
	c := n.cfg.Provider.Models
	size, err := n.contextOf(ctx, e.CID)
	if err != nil {
		return m, err
	}
	m = serving.Model{
		Name: name, CID: e.CID, Image: image.Digest, Context: size, Parallel: c.Parallel,
		Rate: payments.TokenRate{In: c.In, Out: c.Out, Unit: n.rail.Unit()},
	}
	m.Spec = engine.Spec{
		Key: image.Digest + "/" + e.CID, Image: image, Adapter: c.Adapter, Model: path, Name: name,
		Parallel: c.Parallel, Context: size,
		Env:    []string{"INFERNET_THREADS=" + strconv.Itoa(n.threads())},
		Limits: engineLimits(e.Size, n.threads(), c.Memory),
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

// contextOf is how many tokens an engine is given: what the operator says, else
// what the model was made for within reason.
func (n *Node) contextOf(ctx context.Context, cid string) (int, error) {
	if said := n.cfg.Provider.Models.Context; said > 0 {
		return said, nil
	}
	h, err := n.lib.Describe(ctx, cid)
	switch {
	case errors.Is(err, gguf.ErrFormat):
		return maxContext, nil // the engine knows its own format
	case err != nil:
		return 0, err
	case h.ContextLength == 0:
		return maxContext, nil
	}
	return int(min(h.ContextLength, maxContext)), nil
}

// threads leaves one core to the node itself: threads that wait for a core make
// an engine slower than fewer threads do.
func (n *Node) threads() int {
	if t := n.cfg.Provider.Models.Threads; t > 0 {
		return t
	}
	return max(1, exec.Host().Cores-1)
}

// engineLimits give an engine room for its model and as much again for its
// cache, and cores for its threads.
func engineLimits(model uint64, threads int, most uint64) exec.Limits {
	memory := 2*model + 512<<20
	if most > 0 {
		memory = min(memory, most)
	}
	return exec.Limits{
		CPUMillis: uint64(threads) * 1000, MemoryBytes: memory, PIDs: 1024,
		WallClock: 30 * 24 * time.Hour, ScratchBytes: 64 << 20,
	}
}
