package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/alone"
)

// plainNamespace holds the baseline's containers, and names their cgroup.
const plainNamespace = "infernet-bench"

// direct is containerd without a network: a private daemon of the same
// programs and settings as a provider's, and two ways of using it.
type direct struct {
	dir    string
	img    exec.Image
	rootfs string // the unpacked image, for the plain client
	runner *alone.Runtime
	client *client.Client
	number atomic.Int64
}

// newDirect starts the daemon and unpacks the image for both ways.
func newDirect(ctx context.Context, dir, bin string, img exec.Image) (_ *direct, err error) {
	d := &direct{dir: dir, img: img, rootfs: filepath.Join(dir, "rootfs")}
	if err := os.MkdirAll(d.rootfs, 0o755); err != nil {
		return nil, err
	}
	if d.runner, err = alone.Start(ctx, dir, alone.Options{Program: bin}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := d.runner.Prepare(ctx, img); err != nil {
		return nil, err
	}
	layout, err := image.Open(img.Layout, img.Digest, image.Limits{})
	if err != nil {
		return nil, err
	}
	if err := layout.Unpack(ctx, d.rootfs); err != nil {
		return nil, err
	}
	socket, _ := d.runner.Address()
	d.client, err = client.New(socket, client.WithDefaultNamespace(plainNamespace))
	return d, err
}

// plain runs the program as a person with containerd's client would: default
// specification, no limits, output thrown away.
func (d *direct) plain(ctx context.Context) (err error) {
	id := fmt.Sprintf("plain-%d", d.number.Add(1))
	ctr, err := d.client.NewContainer(ctx, id, client.WithNewSpec(oci.WithProcessArgs("/noop"), oci.WithRootFSPath("rootfs")))
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	// The removal is part of the work, and is done even when we are in a hurry.
	late := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, ctr.Delete(late)) }()
	root := []mount.Mount{{Type: "bind", Source: d.rootfs, Options: []string{"rbind"}}}
	task, err := ctr.NewTask(ctx, cio.NullIO, client.WithRootFS(root))
	if err != nil {
		return fmt.Errorf("create task: %w", err)
	}
	defer func() {
		_, derr := task.Delete(late, client.WithProcessKill)
		err = errors.Join(err, derr)
	}()
	end, err := task.Wait(ctx)
	if err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	if err := task.Start(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if st := <-end; st.ExitCode() != 0 || st.Error() != nil {
		return fmt.Errorf("exit %d: %w", st.ExitCode(), errors.Join(ctx.Err(), st.Error()))
	}
	return nil
}

// hardened runs the program as a provider does, with an input, a result and
// all limits, but without a network.
func (d *direct) hardened(ctx context.Context) (err error) {
	id := fmt.Sprintf("hardened-%d", d.number.Add(1))
	dir := filepath.Join(d.dir, id)
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := errors.Join(os.MkdirAll(in, 0o755), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	h, err := d.runner.Start(ctx, exec.Task{
		ID: id, Image: d.img, In: in, Out: out,
		Limits: exec.Limits{CPUMillis: taskCPU, MemoryBytes: taskMemory, DiskBytes: taskDisk},
	}, exec.Streams{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Destroy(context.WithoutCancel(ctx))) }()
	res, err := h.Wait(ctx)
	if err == nil && !res.OK() {
		err = fmt.Errorf("%s: %s", res.Reason, res.Detail)
	}
	return err
}

// close ends the daemon and everything that it runs.
func (d *direct) close() error {
	if d.client != nil {
		_ = d.client.Close()
	}
	return errors.Join(d.runner.Close(), sweepDirect(d.dir))
}

// sweepDirect removes what a killed run left in the kernel's hands, and the
// cgroup of the plain containers' namespace, which nobody else removes.
func sweepDirect(dir string) error {
	err := alone.Sweep(dir)
	for _, group := range []string{"/sys/fs/cgroup/" + plainNamespace, "/sys/fs/cgroup/*/" + plainNamespace} {
		found, _ := filepath.Glob(group)
		for _, f := range found {
			if rerr := os.Remove(f); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}
	return err
}

// serve starts the image as a warm engine and returns a client that speaks to
// its socket and nothing else.
func (d *direct) serve(ctx context.Context, img exec.Image, model string) (*http.Client, func() error, error) {
	conf := engine.Default()
	conf.Idle = time.Hour
	pool, stop, err := d.runner.Engines(ctx, conf, nil)
	if err != nil {
		return nil, nil, err
	}
	slot, err := pool.Acquire(ctx, engine.Spec{
		Key: "bench", Image: img, Model: model, Name: modelName, Parallel: engineParallel,
		Env:    []string{"INFERNET_THREADS=1"},
		Limits: exec.Limits{CPUMillis: 1000, MemoryBytes: 1 << 30, ScratchBytes: 64 << 20},
	}, "bench")
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return &http.Client{Transport: slot}, func() error {
		slot.Release()
		return stop()
	}, nil
}
