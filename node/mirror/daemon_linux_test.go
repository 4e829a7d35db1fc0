package mirror_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/platforms"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/containerd"
	"infernet.tech/infernet/exec/image"
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
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = r.Run(context.Background())
	}()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-ended // it writes to the log of the test
	})
	select {
	case <-r.Ready():
	case <-ended:
		t.Fatalf("run: %v", failed)
	case <-time.After(3 * time.Minute):
		t.Fatal("not ready")
	}
	s := newShelf(t)
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
	exported(ctx, t, c, index, addr+"/team/app:v1", "docker.io/team/app:v1")
}

// exported takes back in what containerd writes of an image it pulled, as
// `ctr images export` does: of one platform, under two names.
func exported(ctx context.Context, t *testing.T, c *client.Client, index exec.Image, names ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exported.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	opts := []archive.ExportOpt{archive.WithPlatform(platforms.Default())}
	for _, n := range names {
		opts = append(opts, archive.WithImage(c.ImageService(), n))
	}
	if err := errors.Join(c.Export(ctx, f, opts...), f.Close()); err != nil {
		t.Fatal(err)
	}
	img, err := image.Import(t.Context(), path, filepath.Join(t.TempDir(), "layout"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s came back as %s, called %q, with %+v, without %q", index.Digest, img.Digest, img.Names, img.Contents.Platforms, img.Contents.Absent)
	if len(img.Names) != 2 || img.Names[1] != "team/app:v1" || len(img.Contents.Platforms) != 1 {
		t.Errorf("%+v", img)
	}
	if l, err := image.Open(img.Layout, img.Digest, image.Limits{}); err != nil || l.Manifest.Layers[0].Digest.String() != layer(t, index) {
		t.Errorf("%+v, %v", l, err)
	}
}
