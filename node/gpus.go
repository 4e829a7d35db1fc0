package node

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/p2p/wire"
)

// detectTime is how long a driver's tools may take to tell what cards there
// are.
const detectTime = 20 * time.Second

// maxOfferedGPUs is how many cards an offer has room for.
const maxOfferedGPUs = 16

// cards are those that the operator rents out. What engines are given stays
// theirs while the node runs, also while they are started again; batch tasks
// are lent the others.
type cards struct {
	all     []gpu.Device
	engines [][]gpu.Device // by the place of their model in the configuration
	warm    *gpu.Book      // of those of engines; nil: none
	tasks   *gpu.Book      // of the others; nil: none
}

// composeGPUs finds the cards that the operator rents out. Those of --gpus
// alone are told to anybody and given to anything.
func (n *Node) composeGPUs() error {
	want, err := gpu.ParseRequest(n.cfg.Provider.Models.GPUs)
	if err != nil || want.None() {
		return err
	}
	if n.runner == nil { // one that was given has its own ways
		// What an earlier run left would count as memory that is always in use.
		if _, err := containerd.Clean(n.containerdConfig()); err != nil {
			return fmt.Errorf("remove containers of an earlier run: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), detectTime)
	defer cancel()
	found, err := n.machine.Scan(ctx)
	if err != nil {
		return fmt.Errorf("look for GPUs: %w", err)
	}
	for _, odd := range found.Odd {
		n.log.Warn("a GPU is left out", "gpu", odd.Name, "pci", odd.PCI, "reason", odd.Reason, "fix", odd.Fix)
	}
	chosen, err := want.Select(found.Devices)
	if err == nil {
		n.cards, err = deal(chosen, len(n.cfg.Provider.Models.Serve), n.machine.Wiper(gpu.WipeOptions{}))
	}
	if err != nil {
		return fmt.Errorf("--gpus %s: %w", want, err)
	}
	for _, c := range n.cards.all {
		n.log.Info("GPU is rented out", "gpu", c.Name, "id", c.ID, "vram", c.VRAMBytes, "driver", c.Driver)
	}
	return nil
}

// deal gives each of so many engines whole cards of one vendor, as many as all
// of them can have, and leaves the others to tasks.
func deal(all []gpu.Device, engines int, wipe gpu.Wiper) (cards, error) {
	var vendors [][]gpu.Device // in the order of the cards
	at := map[gpu.Vendor]int{}
	for _, d := range all {
		i, known := at[d.Vendor]
		if !known {
			i = len(vendors)
			at[d.Vendor], vendors = i, append(vendors, nil)
		}
		vendors[i] = append(vendors[i], d)
	}
	each := len(all)
	for ; each > 0; each-- {
		room := 0
		for _, v := range vendors {
			room += len(v) / each
		}
		if room >= engines {
			break
		}
	}
	if each == 0 && engines > 0 {
		return cards{}, fmt.Errorf("%w: %d cards for %d models, and a card has one tenant", gpu.ErrNoGPU, len(all), engines)
	}
	out := cards{all: all}
	var warm, tasks []gpu.Device
	for _, v := range vendors {
		for len(out.engines) < engines && len(v) >= each {
			out.engines, warm, v = append(out.engines, v[:each]), append(warm, v[:each]...), v[each:]
		}
		tasks = append(tasks, v...)
	}
	if len(warm) > 0 {
		out.warm = gpu.NewBook(warm, wipe)
	}
	if len(tasks) > 0 {
		out.tasks = gpu.NewBook(tasks, wipe)
	}
	return out, nil
}

// of is what the engine of one model of the configuration is given.
func (c cards) of(model int) (r gpu.Request) {
	if model < len(c.engines) {
		for _, d := range c.engines[model] {
			r.IDs = append(r.IDs, d.ID)
		}
	}
	return r
}

// offer is the cards as others are told of them.
func (c cards) offer() []wire.GPU {
	var out []wire.GPU
	for _, d := range c.all[:min(len(c.all), maxOfferedGPUs)] {
		out = append(out, wire.GPU{Name: d.Name, VRAMBytes: d.VRAMBytes, UUID: d.ID})
	}
	return out
}
