package containerd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	// Root holds what outlives a restart: unpacked images and the daemon's log.
	Root string
	// State holds what does not: sockets, mounts, running tasks. "" is a folder
	// in /run/infernet named after Root. One process uses a Root at a time.
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
}

// Default is the configuration of a private daemon with everything under root.
func Default(root string) Config {
	return Config{
		Root:        root,
		Namespace:   "infernet",
		Defaults:    exec.DefaultLimits(),
		ImageLimits: image.DefaultLimits(),
	}
}

// maxSocketPath leaves room in sockaddr_un (108 bytes) for the ".ttrpc" that
// containerd appends for its second socket.
const maxSocketPath = 100

// complete fills in what may be left empty, and checks the rest.
func (c Config) complete() (Config, error) {
	if c.Root == "" {
		return c, errors.New("exec/containerd: no root folder given")
	}
	root, err := filepath.Abs(c.Root)
	if err != nil {
		return c, err
	}
	c.Root = root
	if c.State == "" {
		c.State = "/run/infernet/" + c.instance()
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
	c.Defaults = c.Defaults.WithDefaults(exec.DefaultLimits())
	c.ImageLimits = c.ImageLimits.WithDefaults(image.DefaultLimits())
	if s := c.socket(); len(s) > maxSocketPath {
		return c, fmt.Errorf("exec/containerd: socket path %s is longer than %d bytes: choose a shorter state folder", s, maxSocketPath)
	}
	return c, nil
}

// instance tells runners of one machine apart: it names this one's cgroup and
// labels its containers. It follows from Root, so that a later process finds
// what an earlier one left.
func (c Config) instance() string {
	sum := sha256.Sum256([]byte(c.Root))
	return hex.EncodeToString(sum[:6])
}

// socket is the address of the daemon in use.
func (c Config) socket() string {
	if c.Socket != "" {
		return c.Socket
	}
	return filepath.Join(c.State, "containerd.sock")
}
