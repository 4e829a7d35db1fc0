//go:build linux

package containerd_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/image"
)

// The two benchmarks do the same work on the same daemon: a program that ends
// at once, from start to nothing left. The first does it through the runner,
// with all of the hardening; the second is what containerd's client costs with
// its own default specification.

func BenchmarkRunner(b *testing.B) {
	needRoot(b)
	img := exectest.Layout(b)
	r := start(b, config(b))
	if err := r.Prepare(b.Context(), img); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	both(b, func() error { return runnerRun(b.Context(), r, img, fmt.Sprintf("bench-%d", n.Add(1)), nil) })
	// Where the time goes, one at a time.
	b.Run("phases", func(b *testing.B) {
		var sums [3]time.Duration
		for b.Loop() {
			if err := runnerRun(b.Context(), r, img, fmt.Sprintf("bench-%d", n.Add(1)), &sums); err != nil {
				b.Fatal(err)
			}
		}
		for i, phase := range []string{"start-ms", "wait-ms", "destroy-ms"} {
			b.ReportMetric(sums[i].Seconds()*1000/float64(b.N), phase)
		}
	})
}

// runnerRun adds the lengths of starting, waiting and destroying to sums.
func runnerRun(ctx context.Context, r exec.Runner, img exec.Image, id string, sums *[3]time.Duration) error {
	clock := time.Now()
	lap := func(i int) {
		if sums != nil {
			sums[i] += time.Since(clock)
			clock = time.Now()
		}
	}
	h, err := r.Start(ctx, exec.Task{ID: id, Image: img}, exec.Streams{})
	if err != nil {
		return err
	}
	lap(0)
	if res, err := h.Wait(ctx); err != nil || !res.OK() {
		return fmt.Errorf("%+v, %w", res, err)
	}
	lap(1)
	defer lap(2)
	return h.Destroy(ctx)
}

func BenchmarkPlainClient(b *testing.B) {
	needRoot(b)
	img := exectest.Layout(b)
	r := start(b, config(b))
	// Writable, because the runtime makes the mount points of its own default.
	root := b.TempDir()
	l, err := image.Open(img.Layout, img.Digest, image.Limits{})
	if err == nil {
		err = l.Unpack(b.Context(), root)
	}
	if err != nil {
		b.Fatal(err)
	}
	socket, ns := r.Address()
	c, err := client.New(socket, client.WithDefaultNamespace(ns+"-plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var n atomic.Int64
	both(b, func() error { return plainRun(b.Context(), c, root, fmt.Sprintf("plain-%d", n.Add(1))) })
}

func plainRun(ctx context.Context, c *client.Client, root, id string) error {
	ctr, err := c.NewContainer(ctx, id, client.WithNewSpec(oci.WithProcessArgs("/program"), oci.WithRootFSPath("rootfs")))
	if err != nil {
		return err
	}
	rootfs := []mount.Mount{{Type: "bind", Source: root, Options: []string{"rbind"}}}
	task, err := ctr.NewTask(ctx, cio.NullIO, client.WithRootFS(rootfs))
	if err != nil {
		return err
	}
	end, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	if err := task.Start(ctx); err != nil {
		return err
	}
	if st := <-end; st.ExitCode() != 0 {
		return fmt.Errorf("exit %d: %w", st.ExitCode(), st.Error())
	}
	if _, err := task.Delete(ctx); err != nil {
		return err
	}
	return ctr.Delete(ctx)
}

func both(b *testing.B, once func() error) {
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			if err := once(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("inflight64", func(b *testing.B) {
		b.SetParallelism((64 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := once(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
