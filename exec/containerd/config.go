package containerd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// Config says where the runner keeps things and what tasks get by default.
type Config struct {
	// Socket is that of a containerd which is there already; "" starts and
	// supervises a private one.
	Socket string
	// Root holds what outlives a restart: unpacked images, the daemon's log,
	// large results while tasks run. One process uses a Root at a time.
	Root string
	// State holds what does not: mounts and running tasks. "" is a folder in
	// /run/infernet named after Root. Sockets are always there, whatever State
	// is, because their paths must be short.
	State string
	// BinDir holds containerd, containerd-shim-runc-v2 and runc; "" is the
	// folder "runtime" beside this executable. Not used with a given Socket.
	BinDir string
	// Namespace is the containerd namespace; "" is "infernet".
	Namespace string
	// Defaults replace the limits a task leaves at zero.
	Defaults exec.Limits
	// ImageLimits bound what an image may unpack to.
	ImageLimits image.Limits
	// OutInMemory is the largest /out, in bytes, kept in memory; 0 is 64 MiB.
	OutInMemory uint64
	// Inject says what the GPUs of these identifiers add to a sandbox; nil is
	// a machine that gives none. It is called at every start of a task with
	// GPUs, and its error ends that start.
	Inject func(ctx context.Context, ids []string) (exec.Injection, error)
}

// Default is the configuration of a private daemon with everything under root.
func Default(root string) Config {
	return Config{
		Root:        root,
		Namespace:   "infernet",
		Defaults:    exec.DefaultLimits(),
		ImageLimits: image.DefaultLimits(),
		OutInMemory: 64 << 20,
	}
}

// Validate tells whether New would take the configuration.
func (c Config) Validate() error {
	_, err := c.complete()
	return err
}

// complete fills in what may be left empty, and checks the rest.
func (c Config) complete() (Config, error) {
	if c.Root == "" {
		return c, errors.New("exec/containerd: no root folder given")
	}
	var err error
	if c.Root, err = filepath.Abs(c.Root); err != nil {
		return c, err
	}
	if c.State == "" {
		c.State = filepath.Join(c.runDir(), "state")
	}
	if c.State, err = filepath.Abs(c.State); err != nil {
		return c, err
	}
	if c.Namespace == "" {
		c.Namespace = "infernet"
	}
	if c.BinDir == "" {
		exe, err := os.Executable()
		if err != nil {
			return c, err
		}
		c.BinDir = filepath.Join(filepath.Dir(exe), "runtime")
	}
	if c.OutInMemory == 0 {
		c.OutInMemory = 64 << 20
	}
	c.Defaults = c.Defaults.WithDefaults(exec.DefaultLimits())
	c.ImageLimits = c.ImageLimits.WithDefaults(image.DefaultLimits())
	return c, nil
}

// instance tells runners of one machine apart: it names this one's cgroup,
// sockets and containers. It follows from Root, so that a later process finds
// what an earlier one left.
func (c Config) instance() string {
	sum := sha256.Sum256([]byte(c.Root))
	return hex.EncodeToString(sum[:6])
}

// runDir holds the sockets. Shims allow 42 bytes for the folder of theirs.
func (c Config) runDir() string { return "/run/infernet/" + c.instance() }

// socket is the address of the daemon in use.
func (c Config) socket() string {
	if c.Socket != "" {
		return c.Socket
	}
	return filepath.Join(c.runDir(), "containerd.sock")
}

func (c Config) shimSockets() string { return filepath.Join(c.runDir(), "s") }

// The folders of State and Root.
func (c Config) daemonRoot() string  { return filepath.Join(c.State, "root") }
func (c Config) daemonState() string { return filepath.Join(c.State, "run") }
func (c Config) tasks() string       { return filepath.Join(c.State, "tasks") }
func (c Config) images() string      { return filepath.Join(c.Root, "images") }
func (c Config) disks() string       { return filepath.Join(c.Root, "disks") }

// cgroup is the parent of the cgroups of all tasks, in each hierarchy.
func (c Config) cgroup() string { return "/infernet/" + c.instance() }

func (c Config) runcRoot() string { return filepath.Join(c.State, "runc") }
func (c Config) fifos() string    { return filepath.Join(c.State, "fifo") }
