//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"

	"infernet.tech/infernet/exec"
)

const (
	runtimeName   = "io.containerd.runc.v2"
	labelInstance = "infernet.instance"
)

// Start begins a task: the image is prepared, the container made, its program
// started, with one call each to the daemon.
func (r *Runner) Start(ctx context.Context, t exec.Task, s exec.Streams) (exec.Handle, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	gpus, err := r.injection(ctx, t.GPUs)
	if err != nil {
		return nil, err
	}
	c, err := r.wait(ctx)
	if err != nil {
		return nil, err
	}
	t.Limits = t.Limits.WithDefaults(r.cfg.Defaults)
	h := &task{
		r: r, c: c, spec: t, gpus: gpus,
		exit: make(chan exit, 1), ended: make(chan struct{}), released: make(chan struct{}),
	}
	if h.port, err = exec.ServePort(t.Serve); err != nil {
		return nil, err
	}
	h.logs = &logCap{limit: t.Limits.LogBytes, flood: func() { go h.end(exec.ReasonLog) }}
	if t.Serve != "" {
		h.logs.renew, h.logs.since = logRenewal, time.Now()
	}
	if err := r.add(h); err != nil {
		return nil, err
	}
	if h.img, err = r.prepare(ctx, t.Image); err == nil {
		err = h.start(ctx, s)
	}
	if err != nil {
		h.release()
		return nil, err
	}
	go h.watch()
	// An end that was asked for while the program was being made has hit nothing.
	if h.blamed() != "" {
		h.kill()
	}
	return h, nil
}

// add enters a task among the living, which Close ends.
func (r *Runner) add(h *task) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return exec.ErrClosed
	}
	if r.live[h.spec.ID] != nil {
		return fmt.Errorf("%w: %s", exec.ErrExists, h.spec.ID)
	}
	r.live[h.spec.ID] = h
	return nil
}

func (h *task) start(ctx context.Context, s exec.Streams) error {
	spec, err := h.prepareHost(ctx)
	if err != nil {
		return err
	}
	if err := h.create(ctx, spec); err != nil {
		return err
	}
	streams := cio.WithStreams(nil, h.logs.stream(s.Stdout), h.logs.stream(s.Stderr))
	if h.io, err = cio.NewCreator(streams, cio.WithFIFODir(h.r.cfg.fifos()))(h.spec.ID); err != nil {
		return err
	}
	if err := h.createTask(ctx); err != nil {
		return startError(err)
	}
	if h.port != 0 {
		// The stranger's program does not run yet: the process is the runtime's.
		if h.netns, err = openNetns(h.pid, h.cgroup()); err != nil {
			return err
		}
	}
	// The waiting begins before the program does: its end is never missed.
	wctx, stopWaiting := context.WithCancel(context.Background())
	h.stopWaiting = stopWaiting
	go h.awaitExit(wctx)
	if _, err := h.c.TaskService().Start(ctx, &tasks.StartRequest{ContainerID: h.spec.ID}); err != nil {
		return startError(err)
	}
	h.started = time.Now()
	h.clock = time.AfterFunc(h.spec.Limits.WallClock, func() { h.end(exec.ReasonTimeout) })
	return nil
}

// prepareHost makes what the container needs of the host, and says the rest.
func (h *task) prepareHost(ctx context.Context) (*specs.Spec, error) {
	lim := h.spec.Limits
	base, err := h.r.ids.take()
	if err != nil {
		return nil, err
	}
	h.idBase = base
	disk, memory := "", lim.MemoryBytes
	if lim.DiskBytes > h.r.cfg.OutInMemory {
		disk = filepath.Join(h.r.cfg.disks(), h.spec.ID)
	} else {
		memory += lim.DiskBytes
	}
	uid, gid := base+h.img.uid, base+h.img.gid
	if err := mountOut(ctx, h.outDir(), disk, lim.DiskBytes, uid, gid); err != nil {
		return nil, err
	}
	if h.spec.Serve == serveUnix {
		if err := mountEngine(h.engineDir(), uid, gid); err != nil {
			return nil, err
		}
	}
	if err := makeDevices(h.deviceDir(), h.gpus.Devices, uid, gid); err != nil {
		return nil, err
	}
	box := sandbox{
		id: h.spec.ID, cgroup: h.cgroup(), idBase: base, uid: h.img.uid, gid: h.img.gid,
		cwd:     orRoot(h.img.config.WorkingDir),
		args:    h.args(),
		env:     environment(h.img.config.Env, h.spec.Env, h.gpus.Env),
		devices: h.gpus.Devices, scratch: lim.ScratchBytes,
		memory: int64(min(memory, 1<<62)), swap: h.r.cg.swap, cpu: lim.CPUMillis, pids: lim.PIDs,
	}
	if len(box.args) == 0 || box.args[0] == "" {
		return nil, fmt.Errorf("%w: neither the image nor the task names a program", exec.ErrImage)
	}
	if err := checkProgram(h.img.rootfs, box.args[0]); err != nil {
		return nil, err
	}
	if box.mounts, err = h.mounts(); err != nil {
		return nil, err
	}
	if err := makePlaces(h.placesDir(), box.mounts); err != nil {
		return nil, err
	}
	return newSpec(box), nil
}

func (h *task) args() []string {
	rest := h.spec.Args
	if rest == nil {
		rest = h.img.config.Cmd
	}
	return append(append([]string{}, h.img.config.Entrypoint...), rest...)
}

func orRoot(dir string) string {
	if !filepath.IsAbs(dir) {
		return "/"
	}
	return filepath.Clean(dir)
}

// mounts are those of /in, /model and /out, of what the task serves, and of
// its GPUs.
func (h *task) mounts() ([]specs.Mount, error) {
	all := []specs.Mount{writable(h.outDir(), "/out")}
	if h.spec.Serve == serveUnix {
		all = append(all, engineFolder(h.engineDir()))
	}
	for _, m := range []struct{ source, dest string }{{h.spec.In, "/in"}, {h.spec.Model, "/model"}} {
		if m.source == "" {
			continue
		}
		mnt, err := readOnly(m.source, m.dest, h.idBase+h.img.uid, h.idBase+h.img.gid)
		if err != nil {
			return nil, err
		}
		all = append(all, mnt)
	}
	gpus, err := h.gpuMounts()
	return append(all, gpus...), err
}

// rootMounts lay the places that the image itself does not have, for /model
// and for what mounts asks for, over the image's root.
func (h *task) rootMounts() ([]*types.Mount, error) {
	var layers []string
	if _, err := os.Stat(h.placesDir()); err == nil {
		layers = append(layers, h.placesDir())
	}
	if h.spec.Model != "" {
		info, err := os.Stat(h.spec.Model)
		if err != nil {
			return nil, fmt.Errorf("%w: model: %w", exec.ErrInvalidTask, err)
		}
		kind := modelKinds[0]
		if info.IsDir() {
			kind = modelKinds[1]
		}
		layers = append(layers, filepath.Join(filepath.Dir(h.img.rootfs), kind.name))
	}
	if len(layers) == 0 {
		return []*types.Mount{{Type: "bind", Source: h.img.rootfs, Options: []string{"rbind", "ro", "nosuid", "nodev"}}}, nil
	}
	layers = append(layers, h.img.rootfs)
	for i, l := range layers {
		layers[i] = overlayEscape.Replace(l)
	}
	return []*types.Mount{{
		Type: "overlay", Source: "overlay",
		Options: []string{"lowerdir=" + strings.Join(layers, ":"), "ro", "nosuid", "nodev"},
	}}, nil
}

// overlayEscape writes a path as the kernel reads it in the list of layers.
var overlayEscape = strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`)

func (h *task) create(ctx context.Context, spec *specs.Spec) error {
	anySpec, err := typeurl.MarshalAny(spec)
	if err != nil {
		return err
	}
	opts, err := typeurl.MarshalAny(h.runtimeOptions())
	if err != nil {
		return err
	}
	labels := map[string]string{labelInstance: h.r.cfg.instance()}
	for k, v := range h.spec.Labels {
		labels["infernet.task/"+k] = v
	}
	_, err = h.c.ContainerService().Create(ctx, containers.Container{
		ID: h.spec.ID, Labels: labels, Spec: anySpec,
		Runtime: containers.RuntimeInfo{Name: runtimeName, Options: opts},
	})
	if errdefs.IsAlreadyExists(err) {
		return fmt.Errorf("%w: %s", exec.ErrExists, h.spec.ID)
	}
	if err != nil {
		return fmt.Errorf("exec/containerd: create container: %w", err)
	}
	h.created = true
	return nil
}

func (h *task) runtimeOptions() *options.Options {
	// The streams belong to the task's user, so that it may open /dev/stdout.
	o := &options.Options{
		Root:  h.r.cfg.runcRoot(),
		IoUid: h.idBase + h.img.uid, IoGid: h.idBase + h.img.gid,
	}
	if h.r.cfg.Socket == "" {
		o.BinaryName = filepath.Join(h.r.cfg.BinDir, "runc")
	}
	return o
}

func (h *task) createTask(ctx context.Context) error {
	root, err := h.rootMounts()
	if err != nil {
		return err
	}
	opts, err := typeurl.MarshalAnyToProto(h.runtimeOptions())
	if err != nil {
		return err
	}
	set := h.io.Config()
	resp, err := h.c.TaskService().Create(ctx, &tasks.CreateTaskRequest{
		ContainerID: h.spec.ID, Rootfs: root, Stdout: set.Stdout, Stderr: set.Stderr, Options: opts,
	})
	if err != nil {
		return err
	}
	h.pid = resp.Pid
	return nil
}

// startError tells an image that cannot run from a runtime that failed.
func startError(err error) error {
	if errors.Is(err, exec.ErrInvalidTask) {
		return err
	}
	text := err.Error()
	for _, sign := range []string{
		"executable file not found", "no such file or directory", "permission denied", "exec format error",
		"not a directory", "is a directory", "chdir to cwd",
	} {
		if strings.Contains(text, sign) {
			return fmt.Errorf("%w: %w", exec.ErrImage, err)
		}
	}
	return fmt.Errorf("exec/containerd: start: %w", err)
}

func isNotFound(err error) bool {
	return err != nil && (errdefs.IsNotFound(err) || errdefs.IsNotFound(errgrpc.ToNative(err)))
}

// readOnly is the mount of an input. Where others than its owner may not read
// it, the owner is mapped to the task's user in that mount alone.
func readOnly(source, dest string, uid, gid uint32) (specs.Mount, error) {
	m := bind(source, dest)
	info, err := os.Stat(source)
	if err != nil {
		return m, fmt.Errorf("%w: %s: %w", exec.ErrInvalidTask, dest, err)
	}
	open, owner := forAll(source, info)
	if open || owner == nil {
		return m, nil
	}
	m.Options = append(m.Options, "idmap")
	m.UIDMappings = []specs.LinuxIDMapping{{ContainerID: owner.Uid, HostID: uid, Size: 1}}
	m.GIDMappings = []specs.LinuxIDMapping{{ContainerID: owner.Gid, HostID: gid, Size: 1}}
	return m, nil
}
