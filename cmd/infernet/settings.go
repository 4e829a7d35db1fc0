package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// settings are what a person decides about the node, as flags and as the keys
// of config.yaml. Pointers and nil slices are what was not said; a flag wins
// over the file, the file over the node's default.
type settings struct {
	Network    *string        `yaml:"network,omitempty"`
	Roles      []string       `yaml:"role,omitempty"`
	Listen     []string       `yaml:"listen,omitempty"`
	Bootstrap  []string       `yaml:"bootstrap,omitempty"`
	Relays     []string       `yaml:"relay,omitempty"`
	MDNS       *bool          `yaml:"mdns,omitempty"`
	API        *string        `yaml:"api,omitempty"`
	IdleExit   *time.Duration `yaml:"idle-exit,omitempty"`
	Price      *uint64        `yaml:"price,omitempty"`
	Slots      *int           `yaml:"slots,omitempty"`
	Credit     *uint64        `yaml:"credit-limit,omitempty"`
	Containerd *string        `yaml:"containerd-socket,omitempty"`
	BinDir     *string        `yaml:"bin-dir,omitempty"`
	Cheat      *string        `yaml:"cheat,omitempty"`
}

func configPath(home string) string { return filepath.Join(home, "config.yaml") }

// flags adds a flag for each setting; a flag that is not given leaves it nil.
func (s *settings) flags(f *pflag.FlagSet) {
	s.Network = f.String("network", "", "network to join; nodes of different networks never meet")
	f.StringSliceVar(&s.Roles, "role", nil, "client, provider, aggregator, relay (repeatable, or with commas)")
	f.StringSliceVar(&s.Listen, "listen", nil, "multiaddr to listen on (repeatable)")
	f.StringSliceVar(&s.Bootstrap, "bootstrap", nil, "multiaddr with /p2p/ of a node to join through (repeatable)")
	f.StringSliceVar(&s.Relays, "relay", nil, "multiaddr with /p2p/ of a relay to be reachable through (repeatable)")
	s.MDNS = f.Bool("mdns", true, "find nodes on the local network")
	s.API = f.String("api", "", "loopback host:port of the local API (default: a free port)")
	s.IdleExit = f.Duration("idle-exit", 0, "stop when nobody has used the node for so long (0: never)")
	s.Price = f.Uint64("price", 0, "provider: credits per unit of work")
	s.Slots = f.Int("slots", 0, "provider: tasks run at once")
	s.Credit = f.Uint64("credit-limit", 0, "credits that each peer may owe this node")
	s.Containerd = f.String("containerd-socket", "", "provider: use this containerd (default: a private one)")
	s.BinDir = f.String("bin-dir", "", "provider: folder of containerd, shim and runc")
	s.Cheat = f.String("cheat", "", "provider: be dishonest in this way, for research; networks named devnet… only")
}

// given is s without the flags that were not on the command line.
func (s settings) given(f *pflag.FlagSet) settings {
	forget := map[string]func(){
		"network": func() { s.Network = nil }, "mdns": func() { s.MDNS = nil }, "api": func() { s.API = nil },
		"idle-exit": func() { s.IdleExit = nil }, "price": func() { s.Price = nil }, "slots": func() { s.Slots = nil },
		"credit-limit": func() { s.Credit = nil }, "containerd-socket": func() { s.Containerd = nil },
		"bin-dir": func() { s.BinDir = nil }, "cheat": func() { s.Cheat = nil },
	}
	for name, drop := range forget {
		if !f.Changed(name) {
			drop()
		}
	}
	return s
}

// over returns s with what it leaves open taken from below.
func (s settings) over(below settings) settings {
	s.Network = first(s.Network, below.Network)
	s.Roles = firstList(s.Roles, below.Roles)
	s.Listen = firstList(s.Listen, below.Listen)
	s.Bootstrap = firstList(s.Bootstrap, below.Bootstrap)
	s.Relays = firstList(s.Relays, below.Relays)
	s.MDNS = first(s.MDNS, below.MDNS)
	s.API = first(s.API, below.API)
	s.IdleExit = first(s.IdleExit, below.IdleExit)
	s.Price = first(s.Price, below.Price)
	s.Slots = first(s.Slots, below.Slots)
	s.Credit = first(s.Credit, below.Credit)
	s.Containerd = first(s.Containerd, below.Containerd)
	s.BinDir = first(s.BinDir, below.BinDir)
	s.Cheat = first(s.Cheat, below.Cheat)
	return s
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func firstList(a, b []string) []string {
	if a != nil {
		return a
	}
	return b
}

// readSettings reads a config file strictly: an unknown key is an error that
// names its line. A missing file is empty settings unless must is set.
func readSettings(path string, must bool) (settings, error) {
	var s settings
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	defer func() { _ = f.Close() }()
	dec := yaml.NewDecoder(io.LimitReader(f, 1<<20))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		var te *yaml.TypeError
		text := err.Error()
		if errors.As(err, &te) {
			text = strings.Join(te.Errors, "; ")
		}
		return s, failf(exitUsage, "infernet help node lists the settings", "%s: %s", path, text)
	}
	return s, nil
}

// save writes the settings that were given as flags; without any, no file.
func (s settings) save(path string, f *pflag.FlagSet) error {
	raw, err := yaml.Marshal(s.given(f))
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	if strings.TrimSpace(string(raw)) == "{}" {
		return nil
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	_, werr := out.Write(raw)
	return errors.Join(werr, out.Close())
}
