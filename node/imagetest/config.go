package imagetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/gpu"
)

// ErrConfig: what was asked for makes no sense.
var ErrConfig = errors.New("imagetest: bad configuration")

// Config says what is tried and how.
type Config struct {
	// Image is a tar of docker save or of an OCI layout, a layout folder, or
	// engine.ImageName for the default engine.
	Image string
	// Adapter runs an image without labels; see engine.Adapters.
	Adapter string
	// Model is a file or a folder; "" is the demonstration model.
	Model string
	// GPUs are lent to the engine.
	GPUs gpu.Request
	// Parallel is how many requests it is told to work on at once.
	Parallel int
	// Context is how many tokens a request may have; 0 leaves it to the engine.
	Context int
	// Memory of the sandbox in bytes; 0 is what a node gives: twice the model's
	// size and 512 MiB.
	Memory uint64
	// Start is how long the engine may take until it is healthy, Each how long
	// one check may take.
	Start, Each time.Duration
	// Slack is enginetest.Options.Slack.
	Slack time.Duration
	// Program is the infernet program beside which the runtime's own and the
	// default engine lie; "" is this one.
	Program string
	Report  func(string) // told what happens, a line each; may be nil

	cards []gpu.Device // found by GPUs
}

// Default is what the verb does unless it is told otherwise.
func Default() Config {
	return Config{Parallel: 4, Start: engine.Default().StartTimeout, Each: time.Minute}
}

// Validate refuses what cannot be tried. Errors: ErrConfig; fs.ErrNotExist for
// an image or a model that is not there.
func (c Config) Validate() error {
	switch {
	case c.Image == "":
		return fmt.Errorf("%w: no image", ErrConfig)
	case c.Parallel < 1 || c.Parallel > 64:
		return fmt.Errorf("%w: %d requests at once, 1 to 64 are possible", ErrConfig, c.Parallel)
	case c.Context < 0:
		return fmt.Errorf("%w: negative context", ErrConfig)
	case c.Start <= 0 || c.Each <= 0:
		return fmt.Errorf("%w: no time to start or to check", ErrConfig)
	}
	if _, ok := engine.AdapterOf(c.Adapter); !ok && c.Adapter != "" {
		return fmt.Errorf("%w: no adapter %.40q, there are %v", ErrConfig, c.Adapter, engine.Adapters())
	}
	for _, path := range []string{c.Image, c.Model} {
		if path == "" || path == engine.ImageName {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("imagetest: %w", err)
		}
	}
	return nil
}

// limits are those that a node gives to an engine of whose model it knows
// nothing but the size: memory, and all cores but one.
func (c Config) limits(model uint64) exec.Limits {
	memory := c.Memory
	if memory == 0 {
		memory = engine.Sizes{Weights: model}.Memory()
	}
	return exec.Limits{
		CPUMillis:   uint64(max(1, exec.Host().Cores-1)) * 1000,
		MemoryBytes: memory, PIDs: 1024, ScratchBytes: 64 << 20,
	}
}

// demoModel is what requests call the demonstration model, givenModel any
// other: its file's name may be one that an engine does not take.
const (
	demoModel  = engine.DemoModelName
	givenModel = "model"
)

// model is the path of the model and what it is called. The demonstration
// model is written into dir.
func (c Config) model(dir string) (path, name string, size uint64, err error) {
	if c.Model == "" {
		path = filepath.Join(dir, "demo.gguf")
		raw := engine.DemoModel()
		return path, demoModel, uint64(len(raw)), os.WriteFile(path, raw, 0o644)
	}
	if path, err = filepath.Abs(c.Model); err != nil {
		return "", "", 0, err
	}
	err = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += uint64(info.Size())
		}
		return err
	})
	return path, givenModel, size, err
}
