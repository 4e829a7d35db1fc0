package mirror_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"infernet.tech/infernet/exec/containerd"
)

// TestRealContainerd pulls into a containerd that runs, as `ctr images pull`
// and nerdctl do, and has it unpack what came.
func TestRealContainerd(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("containerd needs root; run the tests as root to have this one")
	}
	bin, err := filepath.Abs("../../bin/runtime")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "containerd")); err != nil {
		t.Skip("containerd is not built here; make build does it:", err)
	}
	cfg := containerd.Default(filepath.Join(t.TempDir(), "root"))
	cfg.BinDir = bin
	r, err := containerd.New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- r.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	select {
	case <-r.Ready():
	case err := <-failed:
		t.Fatalf("run: %v", err)
	case <-time.After(40 * time.Second):
		t.Fatal("not ready")
	}
	s := newShelf()
	index, manifest := newIndex(t, 5_000_000)
	s.add(index, "team/app:v1")
	addr := run(t, s, nil)

	socket, _ := r.Address()
	c, err := client.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := namespaces.WithNamespace(t.Context(), "mirror")
	for ref, opt := range map[string]client.RemoteOpt{
		addr + "/team/app:v1":       client.WithResolver(plain()),
		"docker.io/team/app:v1":     client.WithResolver(puller(addr)),
		"ghcr.io/x@" + index.Digest: client.WithResolver(puller(addr)),
	} {
		img, err := c.Pull(ctx, ref, opt, client.WithPullUnpack, client.WithPullSnapshotter("native"))
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if img.Target().Digest.String() != index.Digest {
			t.Errorf("%s: pulled %s, not %s (manifest %s)", ref, img.Target().Digest, index.Digest, manifest.Digest)
		}
		if ok, err := img.IsUnpacked(ctx, "native"); err != nil || !ok {
			t.Errorf("%s: unpacked %v, %v", ref, ok, err)
		}
		if size, err := img.Size(ctx); err != nil || size < 5_000_000 {
			t.Errorf("%s: %d bytes, %v", ref, size, err)
		}
	}
}
