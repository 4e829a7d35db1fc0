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
	if n.cards, err = want.Select(found.Devices); err != nil {
		return fmt.Errorf("--gpus %s: %w", want, err)
	}
	n.gpus = gpu.NewBook(n.cards, n.machine.Wiper(gpu.WipeOptions{}))
	for _, c := range n.cards {
		n.log.Info("GPU is rented out", "gpu", c.Name, "id", c.ID, "vram", c.VRAMBytes, "driver", c.Driver)
	}
	return nil
}

// share is what one of so many engines is given: whole cards, the same number
// each.
func (n *Node) share(engines int) (gpu.Request, error) {
	if len(n.cards) == 0 {
		return gpu.Request{}, nil
	}
	each := len(n.cards) / max(engines, 1)
	if each == 0 {
		return gpu.Request{}, fmt.Errorf("%w: %d cards for %d models, and a card has one tenant", gpu.ErrNoGPU, len(n.cards), engines)
	}
	return gpu.Request{Count: each}, nil
}

// offeredGPUs are the cards as others are told of them.
func (n *Node) offeredGPUs() []wire.GPU {
	var out []wire.GPU
	for _, c := range n.cards {
		out = append(out, wire.GPU{Name: c.Name, VRAMBytes: c.VRAMBytes, UUID: c.ID})
	}
	return out
}
