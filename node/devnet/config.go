package devnet

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// DefaultTimeout is for machines that have much else to do: a node that cannot
// become ready ends by itself, and is not waited for.
const DefaultTimeout = 5 * time.Minute

// Config says what network to start.
type Config struct {
	Dir        string        // holds the homes; made if missing
	Providers  int           // honest ones
	Cheaters   int           // providers that alter their results
	Validators int           // that the client trusts to decide disputes
	Serve      []string      // models that the honest providers serve, as infernet node --serve has them
	Bin        string        // the infernet program; "" is this one
	Network    string        // name, beginning with "devnet"; "" makes one up
	Detach     bool          // outlive this process
	Timeout    time.Duration // for all nodes to be ready; 0 is five minutes
	Env        []string      // "NAME=value", for all nodes
	NodeArgs   []string      // more flags for all nodes

	ProviderArgs []string     // more flags for the honest providers
	CheaterArgs  []string     // how the cheaters cheat; none: they alter their results
	Report       func(string) // told what happens, a line each; may be nil
}

// most bounds nodes of one kind: they are processes on one machine.
const most = 200

// complete fills in what is left open, and makes the folder.
func (c Config) complete() (Config, error) {
	if c.Dir == "" {
		return c, fmt.Errorf("devnet: no folder given")
	}
	for what, n := range map[string]int{"providers": c.Providers, "cheaters": c.Cheaters, "validators": c.Validators} {
		if n < 0 || n > most {
			return c, fmt.Errorf("devnet: %d %s: at most %d", n, what, most)
		}
	}
	var err error
	// Tasks pass through as nobody: they need x, and nothing else.
	if err := os.MkdirAll(c.Dir, 0o711); err != nil {
		return c, fmt.Errorf("devnet: %w", err)
	}
	if c.Dir, err = realPath(c.Dir); err != nil {
		return c, err
	}
	if c.Bin == "" {
		if c.Bin, err = os.Executable(); err != nil {
			return c, fmt.Errorf("devnet: find own program: %w", err)
		}
	}
	if c.Bin, err = filepath.Abs(c.Bin); err != nil {
		return c, err
	}
	if c.Network == "" {
		var b [4]byte
		// It never fails: https://pkg.go.dev/crypto/rand#Read.
		_, _ = rand.Read(b[:])
		c.Network = "devnet-" + hex.EncodeToString(b[:])
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Report == nil {
		c.Report = func(string) {}
	}
	return c, nil
}

// realPath is the path as the kernel tells it, of mounts for example.
func realPath(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// member is a node to be.
type member struct {
	name  string
	roles []string
	flags []string
}

// judges lists the validators. They start before the others, who are told whom
// to trust.
func (c Config) judges() []member {
	var all []member
	for i := range c.Validators {
		all = append(all, member{name: fmt.Sprintf("validator%d", i+1), roles: []string{"validator"}})
	}
	return all
}

// members lists the nodes beside relay and validators.
func (c Config) members(validators []string) []member {
	var all []member
	honest := slices.Clone(c.ProviderArgs)
	for _, what := range c.Serve {
		honest = append(honest, "--serve", what)
	}
	for i := range c.Providers {
		all = append(all, member{name: fmt.Sprintf("provider%d", i+1), roles: []string{"provider"}, flags: honest})
	}
	cheats := c.CheaterArgs
	if cheats == nil {
		cheats = []string{"--cheat", "wrong"}
	}
	for i := range c.Cheaters {
		all = append(all, member{name: fmt.Sprintf("cheater%d", i+1), roles: []string{"provider"}, flags: cheats})
	}
	client := member{name: "client", roles: []string{"client"}}
	for _, v := range validators {
		client.flags = append(client.flags, "--validators", v)
	}
	return append(all, client)
}

func relay() member { return member{name: "relay", roles: []string{"relay"}} }
