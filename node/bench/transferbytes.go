package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/store/blob/sha"
)

// bytesOnDisk is what is sent: paths of a big file, of a folder of small ones,
// and of one file of as many bytes as they have. The last two may be missing.
type bytesOnDisk struct {
	big, many, one      string
	bigSize, smallBytes int64
}

// layOut makes them, of bytes that repeat nowhere.
func layOut(ctx context.Context, dir string, cfg TransferConfig) (b bytesOnDisk, err error) {
	cfg.Report(fmt.Sprintf("making %d MiB of noise", cfg.Size>>20))
	b = bytesOnDisk{big: filepath.Join(dir, "source"), bigSize: cfg.Size}
	if err := noise(ctx, b.big, cfg.Size); err != nil || cfg.Files == 0 {
		return b, err
	}
	cfg.Report(fmt.Sprintf("making %d files of %d bytes, and one of them all", cfg.Files, cfg.FileSize))
	b.many, b.one = filepath.Join(dir, "many"), filepath.Join(dir, "one")
	b.smallBytes = int64(cfg.Files) * cfg.FileSize
	if err := noise(ctx, b.one, b.smallBytes); err != nil {
		return b, err
	}
	return b, manyFiles(ctx, b.many, cfg)
}

func manyFiles(ctx context.Context, dir string, cfg TransferConfig) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	random := newNoise()
	for i := range cfg.Files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%06d.bin", i)))
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, random, cfg.FileSize)
		if err = errors.Join(ctx.Err(), err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func newNoise() io.Reader {
	var seed [32]byte
	// It never fails: https://pkg.go.dev/crypto/rand#Read.
	_, _ = rand.Read(seed[:])
	return mrand.NewChaCha8(seed)
}

// noise fills a file with bytes that repeat nowhere.
func noise(ctx context.Context, path string, size int64) error {
	return writeSynced(path, func(w io.Writer) error {
		return pour(ctx, w, io.LimitReader(newNoise(), size))
	})
}

func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeSynced(to, func(w io.Writer) error { return pour(ctx, w, in) })
}

// hashFile hashes as the standard library does, on one core.
func hashFile(ctx context.Context, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	return pour(ctx, sha256.New(), in)
}

// hashAll hashes the blocks of a file, as the store must, and does nothing
// else: many at once where that is faster, on every core.
func hashAll(ctx context.Context, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	const block = 1 << 20
	piece := int64(sha.Lanes()) * block
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			buf, sums := make([]byte, piece), make([][32]byte, sha.Lanes())
			for ctx.Err() == nil {
				n, err := in.ReadAt(buf, next.Add(piece)-piece)
				if err != nil && !errors.Is(err, io.EOF) {
					return err
				}
				var blocks [][]byte
				for at := 0; at < n; at += block {
					blocks = append(blocks, buf[at:min(at+block, n)])
				}
				if len(blocks) == 0 {
					return nil
				}
				sha.Sum(sums, blocks)
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// readMany opens, reads and closes the files of a folder, on every core: less
// cannot be done with them.
func readMany(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	const some = 32 // files that one core takes at once
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			buf := make([]byte, 256<<10)
			for ctx.Err() == nil {
				at := int(next.Add(some) - some)
				if at >= len(entries) {
					return nil
				}
				for _, e := range entries[at:min(at+some, len(entries))] {
					if err := readIn(root, e.Name(), buf); err != nil {
						return err
					}
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// readIn reads a file to its end.
func readIn(root *os.Root, name string, buf []byte) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = f.Read(buf)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// writeSynced makes a file that is on the disk when it returns, as a blob is.
func writeSynced(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err = fill(f); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// pour copies with the buffer that the blob protocol uses too, until the end
// or ctx's.
func pour(ctx context.Context, w io.Writer, r io.Reader) error {
	buf := make([]byte, 256<<10)
	for ctx.Err() == nil {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
	return ctx.Err()
}
