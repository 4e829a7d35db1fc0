package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// One static program FROM scratch is a layer of one large file.
func TestUnpackOneLargeFile(t *testing.T) {
	t.Parallel()
	const size = 40 << 20
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, body := range map[string][]byte{"noise": noise, "zeros": make([]byte, size)} {
		raw := pack(t, file(name, string(body)))
		layers := map[string]layer{name: plain(raw)}
		if name == "noise" {
			layers["stored noise"] = layer{stored(t, raw), raw}
		}
		for what, l := range layers {
			d, digest := craft(t, nil, l)
			dest, err := unpack(t, d, digest, image.Limits{})
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			if got, err := os.ReadFile(filepath.Join(dest, name)); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%s: %d bytes, %v", what, len(got), err)
			}
		}
	}
}

// stored is gzip that does not try to make it smaller, which takes long.
func stored(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is an archive that begins with these bytes and goes on with 20 GB of
// zeros, in as many compressed pieces as both formats allow.
func bomb(t *testing.T, pack func(testing.TB, []byte) []byte, begin []byte) layer {
	t.Helper()
	const total, piece = 20 << 30, 8 << 20
	zeros := pack(t, make([]byte, piece))
	return layer{packed: append(pack(t, begin), bytes.Repeat(zeros, total/piece)...)}
}

// claim is the header of a file and nothing of its content.
func claim(t *testing.T, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Mode: 0o644, Size: size}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Not parallel: it looks at what is allocated.
func TestBombs(t *testing.T) {
	long, ok := claim(t, 20<<30), pack(t, file("a", "b"))
	for _, c := range []struct {
		name  string
		layer layer
		spoil func(map[string]any)
		want  error
		most  int64 // bytes written
	}{
		{"gzip", bomb(t, gz, long), nil, exec.ErrImageTooBig, 0},
		{"zstd", bomb(t, zst, long), nil, exec.ErrImageTooBig, 0},
		{"after the end mark", bomb(t, zst, ok), nil, exec.ErrImageTooBig, 1},
		{"a claim and no content", plain(long), nil, exec.ErrImageTooBig, 0},
		// A manifest that promises more than there is buys no room.
		{"size told too large", bomb(t, zst, long), func(m map[string]any) { first(m)["size"] = 10 << 30 }, exec.ErrImage, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, digest := craft(t, c.spoil, c.layer)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			dest, err := unpack(t, d, digest, image.Limits{})
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			// Far above what a slow machine with much else to do needs: the error
			// says that no more was read than the ratio allows.
			if took > 3*time.Minute {
				t.Errorf("refused after %v", took)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 256<<20 {
				t.Errorf("%d bytes allocated", n)
			}
			if n := sizeOf(t, dest); n > c.most {
				t.Errorf("%d bytes written", n)
			}
			t.Logf("%d bytes packed, refused after %v: %v", len(c.layer.packed), took, err)
		})
	}
}

func sizeOf(t *testing.T, dir string) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}
