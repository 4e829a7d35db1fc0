package engine

import (
	"fmt"
	"path/filepath"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
)

// maxParallel bounds the requests that one engine works on at once.
const maxParallel = 1024

// Spec says what to run as an engine.
type Spec struct {
	// Key names the engine in the pool: equal keys share one engine. What else
	// a Spec of a key says counts from the engine's next start.
	Key   string
	Image exec.Image
	// Adapter names how an image that is not made for us is run; "" goes by the
	// image's labels. See Adapters.
	Adapter string
	// Model is the host path of the model file or folder; "" is none.
	Model string
	// Name is what requests call the model.
	Name string
	// Args and Env are appended to those of the adapter.
	Args, Env []string
	// Limits of the sandbox; zeros are filled in for an engine: no end, no cap
	// on what it logs.
	Limits exec.Limits
	// GPUs are lent to the engine while it runs.
	GPUs gpu.Request
	// Parallel is how many requests the engine works on at once; 0 is 1.
	Parallel int
	// Context is the number of tokens that a request may have; 0 leaves it to
	// the engine.
	Context int
}

// Validate checks what can be checked without the image. Errors: ErrSpec.
func (s Spec) Validate() error {
	switch {
	case s.Key == "" || len(s.Key) > 512:
		return fmt.Errorf("%w: key of %d bytes", ErrSpec, len(s.Key))
	case s.Parallel < 0 || s.Parallel > maxParallel:
		return fmt.Errorf("%w: %d requests at once, want 1 to %d", ErrSpec, s.Parallel, maxParallel)
	case s.Context < 0:
		return fmt.Errorf("%w: negative context", ErrSpec)
	case s.Model != "" && !filepath.IsAbs(s.Model):
		return fmt.Errorf("%w: model path %.80q is not absolute", ErrSpec, s.Model)
	}
	if _, ok := adapters[s.Adapter]; !ok && s.Adapter != "" {
		return fmt.Errorf("%w: no adapter %.40q, there are %v", ErrSpec, s.Adapter, Adapters())
	}
	return nil
}

// withDefaults fills in zeros.
func (s Spec) withDefaults() Spec {
	d := exec.DefaultLimits()
	d.WallClock = exec.MaxWallClock
	// An engine logs each request for as long as it lives. Only the tail is
	// kept, so there is nothing to protect.
	d.LogBytes = 1 << 40
	s.Limits = s.Limits.WithDefaults(d)
	s.Parallel = max(s.Parallel, 1)
	return s
}
