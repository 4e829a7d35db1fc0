package provider

import (
	"context"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
)

// usableGPUs is how many cards with so many bytes a task may come to have: free
// ones and those that other tasks will give back. Cards are lent by number, so
// where one of them is too small none is promised.
func (p *Provider) usableGPUs(vram uint64) uint32 {
	if p.GPUs == nil {
		return 0
	}
	var usable uint32
	for _, e := range p.GPUs.Entries() {
		switch {
		case e.State == gpu.Quarantined:
		case e.Device.VRAMBytes < vram:
			return 0
		default:
			usable++
		}
	}
	return usable
}

// lendGPUs waits for the cards of a task and names them in it. They are wiped
// by release, which is never nil, and are nobody's until then.
func (p *Provider) lendGPUs(ctx context.Context, task *exec.Task, count uint32) (release func(), err error) {
	if count == 0 {
		return func() {}, nil
	}
	if p.GPUs == nil {
		return func() {}, refuse(CodeRefused, "gpu: none here")
	}
	lease, err := p.GPUs.Take(ctx, gpu.Request{Count: int(count)}, task.ID)
	if err != nil {
		return func() {}, refuse(CodeTask, "gpu: %v", err)
	}
	task.GPUs = lease.IDs()
	return func() {
		// The wiping goes on although the attempt's time may be over.
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			p.Log.Error("a GPU did not come clean and is left out", "err", err)
		}
	}, nil
}
