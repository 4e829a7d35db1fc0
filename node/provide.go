package node

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/node/provider"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// composeProvider builds the provider role, or its absence. A validator runs
// the same tasks, for its own price.
func (n *Node) composeProvider() ([]unit, error) {
	n.fingerprint = func() string { return "" }
	n.working = func() []string { return nil }
	if !n.cfg.works() {
		n.work, n.serves = off{n.key, RoleProvider}, off{n.key, RoleProvider}
		return nil, nil
	}
	if err := n.composeGPUs(); err != nil {
		return nil, err
	}
	units, running, err := n.composeRunner()
	if err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}
	host := exec.Host()
	p, err := provider.New(n.providerConfig(host), provider.Deps{
		Key: n.key, Store: store.Prefix(n.db, "work/"), Runner: n.runner, GPUs: n.cards.tasks, Content: n.lib,
		Rail: n.rails, Ledger: n.book, Trust: n.trust, Fraud: n.proof, Log: n.log.With("in", "provider"),
	})
	if err != nil {
		return nil, err
	}
	n.work = p
	n.fingerprint, n.working = host.Class, p.InUse
	models, err := n.composeModels(running...)
	if err != nil {
		return nil, err
	}
	return append(append(units, models...), unit{
		name: "provider", run: p.Run, needs: append(running, n.host.Ready()), detail: func() string {
			working, slots := p.Load()
			return fmt.Sprintf("%d of %d slots busy", min(working, slots), slots)
		},
	}), nil
}

// composeRunner builds the node's own containerd unless it was given a runner.
func (n *Node) composeRunner() (units []unit, running []<-chan struct{}, err error) {
	if n.runner != nil {
		return nil, nil, nil
	}
	c := n.containerdConfig()
	if len(n.cards.all) > 0 {
		c.Inject = n.machine.Injector(n.cards.all)
	}
	r, err := containerd.New(c, n.log.With("in", "exec"))
	if err != nil {
		return nil, nil, err
	}
	n.runner = r
	return []unit{{name: "exec", run: r.Run, ready: r.Ready()}}, after(r.Ready()), nil
}

func (n *Node) containerdConfig() containerd.Config {
	c := containerd.Default(n.cfg.path("exec"))
	c.Socket, c.BinDir = n.cfg.Provider.ContainerdSocket, n.cfg.Provider.BinDir
	return c
}

// taskCheat is how this node cheats with tasks; CheatSwap is about models.
func (p ProviderConfig) taskCheat() provider.Cheat {
	if strings.HasPrefix(p.Cheat, CheatSwap) {
		return provider.Honest
	}
	return provider.Cheat(p.Cheat)
}

// providerConfig gives one attempt at most what this machine has, leaving the
// machine itself a quarter of its memory.
func (n *Node) providerConfig(host exec.Fingerprint) provider.Config {
	return provider.Config{
		Network: n.cfg.Network, Version: n.cfg.Version,
		Rates:          n.cfg.rates(),
		Slots:          n.cfg.Provider.Slots,
		MaxCPUMillis:   uint64(host.Cores) * 1000,
		MaxMemoryBytes: host.MemoryBytes / 4 * 3,
		MaxDiskBytes:   16 << 30,
		MaxPIDs:        1024,
		MaxWallClock:   2 * time.Hour,
		MaxBlobBytes:   256 << 30,
		Dir:            filepath.Join(n.cfg.Home, "scratch"),
		Cheat:          n.cfg.Provider.taskCheat(),
	}
}

// announce tells the network what this node is for, and what can be paid here.
func (n *Node) announce() error {
	n.telling.Lock()
	defer n.telling.Unlock()
	var keys []dht.Key
	for _, r := range n.cfg.Roles {
		if r != RoleClient {
			keys = append(keys, dht.RoleKey(string(r)))
		}
	}
	if n.cfg.works() {
		offer := n.offer()
		// A validator is found by its role alone: it is nobody to send work to.
		if n.cfg.has(RoleProvider) {
			keys = append(keys, dht.OfferKeys(offer)...)
		}
		if err := n.dht.SetOffer(offer); err != nil {
			return err
		}
	}
	return n.dht.SetKeys(keys)
}

// prices are those that this node has a rail for.
func (n *Node) prices() (out []wire.UnitRate) {
	rates := n.cfg.rates()
	for _, r := range n.rails.Taking() {
		if p, ok := rates[r.Unit()]; ok {
			out = append(out, wire.UnitRate{Unit: string(p.Unit), Base: p.Base, PerUnit: p.PerUnit})
		}
	}
	return out
}

// offer is the signed description of this provider.
func (n *Node) offer() wire.ProviderOffer {
	host := exec.Host()
	var roles, taking []string
	for _, r := range n.cfg.Roles {
		roles = append(roles, string(r))
	}
	for _, r := range n.rails.Taking() {
		taking = append(taking, r.Name())
	}
	return wire.ProviderOffer{
		Network: n.cfg.Network, Class: host.Class(), Version: n.cfg.Version,
		Hardware: wire.Hardware{
			OS: host.OS, Arch: host.Arch, CPUModel: host.CPUModel,
			Cores: uint32(host.Cores), MemoryBytes: host.MemoryBytes, DiskBytes: 16 << 30, GPUs: n.cards.offer(),
		},
		Isolation: []string{"runc"}, Rails: taking, Roles: roles,
		Rates:  n.prices(),
		Slots:  uint32(n.cfg.Provider.Slots),
		Serves: n.serves.Offer(), Benches: n.measured.list(), Operator: n.binding(),
	}
}
