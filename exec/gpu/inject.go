package gpu

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"infernet.tech/infernet/exec"
)

// Dir is the folder inside a sandbox that holds what the host's driver gives:
// lib with its libraries, bin with nvidia-smi. No image has such a folder, so
// nothing of an image is hidden.
const Dir = "/usr/local/infernet/gpu"

// Inject returns what a sandbox needs to use those cards: their own device
// nodes, those that their driver's programs share, and for NVIDIA the
// libraries that have to fit the kernel driver, read-only. Cards that are not
// given are not reachable: without its node, and the cgroup's leave to open
// it, a card does not exist for CUDA or ROCm, so no variable has to hide it.
// Errors: ErrDriver with what is missing, ErrNoGPU for cards that no sandbox
// can have.
func (h Host) Inject(ctx context.Context, devs []Device) (exec.Injection, error) {
	var all exec.Injection
	libs := map[string][]exec.BindMount{} // by driver version: the search is slow
	for _, d := range devs {
		if err := ctx.Err(); err != nil {
			return exec.Injection{}, err
		}
		one, err := h.edits(d, libs)
		if err != nil {
			return exec.Injection{}, err
		}
		merge(&all, one)
	}
	if err := all.Validate(); err != nil {
		return exec.Injection{}, fmt.Errorf("gpu: %w", err)
	}
	return all, nil
}

// Injector returns Inject by ID for the cards of a Book, as exec/containerd
// takes it. Its errors wrap exec.ErrNoGPU too.
func (h Host) Injector(devs []Device) func(ctx context.Context, ids []string) (exec.Injection, error) {
	devs = slices.Clone(devs)
	return func(ctx context.Context, ids []string) (exec.Injection, error) {
		var want []Device
		for _, id := range ids {
			i := slices.IndexFunc(devs, func(d Device) bool { return d.ID == id })
			if i < 0 {
				return exec.Injection{}, fmt.Errorf("%w: %w: %.80q", exec.ErrNoGPU, ErrNoGPU, id)
			}
			want = append(want, devs[i])
		}
		in, err := h.Inject(ctx, want)
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", exec.ErrNoGPU, err)
		}
		return in, err
	}
}

// edits is the one place that says what a card needs. Inject and CDI both come
// from it.
func (h Host) edits(d Device, libs map[string][]exec.BindMount) (exec.Injection, error) {
	if h.os() != "linux" || d.Vendor == Apple {
		return exec.Injection{}, fmt.Errorf("%w: %s cannot be put into a sandbox on this system", ErrNoGPU, d.ID)
	}
	if len(d.Nodes) == 0 {
		return exec.Injection{}, fmt.Errorf("%w: %s has no device node", ErrDriver, d.ID)
	}
	nodes := slices.Clone(d.Nodes)
	var in exec.Injection
	switch d.Vendor {
	case NVIDIA:
		nodes = append(nodes, nvShared[:]...)
		mounts, ok := libs[d.Driver]
		if !ok {
			var err error
			if mounts, err = h.nvidiaLibraries(d.Driver); err != nil {
				return exec.Injection{}, err
			}
			libs[d.Driver] = mounts
		}
		in.Mounts = mounts
		// Triton looks for libcuda with ldconfig unless it is told.
		in.Env = []string{"LD_LIBRARY_PATH=" + path.Join(Dir, "lib"), "TRITON_LIBCUDA_PATH=" + path.Join(Dir, "lib")}
	case AMD:
		if _, err := h.node("/dev/kfd"); err == nil {
			nodes = append(nodes, "/dev/kfd") // without it Vulkan still works
		}
	}
	for _, name := range nodes {
		n, err := h.node(name)
		if err != nil {
			return exec.Injection{}, fmt.Errorf("%w: %s: %w", ErrDriver, name, err)
		}
		in.Devices = append(in.Devices, n)
	}
	return in, nil
}

// merge adds what is not there yet: cards of one vendor share nodes,
// libraries and variables.
func merge(all *exec.Injection, one exec.Injection) {
	for _, n := range one.Devices {
		if !slices.ContainsFunc(all.Devices, func(o exec.DeviceNode) bool { return o.Path == n.Path }) {
			all.Devices = append(all.Devices, n)
		}
	}
	for _, m := range one.Mounts {
		if !slices.ContainsFunc(all.Mounts, func(o exec.BindMount) bool { return o.Destination == m.Destination }) {
			all.Mounts = append(all.Mounts, m)
		}
	}
	for _, e := range one.Env {
		name, _, _ := strings.Cut(e, "=")
		if !slices.ContainsFunc(all.Env, func(o string) bool { return strings.HasPrefix(o, name+"=") }) {
			all.Env = append(all.Env, e)
		}
	}
}
