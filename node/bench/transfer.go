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
	"time"

	"infernet.tech/infernet/node/alone"
)

// TransferConfig says how much is sent.
type TransferConfig struct {
	Size   int64        // bytes
	Rounds int          // for each way, after one to warm up
	Report func(string) // told what happens, a line each; may be nil
}

// DefaultTransfer is what the verb measures.
func DefaultTransfer() TransferConfig { return TransferConfig{Size: 1 << 30, Rounds: 3} }

// Validate tells the first number that makes no sense. Error: ErrConfig.
func (c TransferConfig) Validate() error {
	if c.Size < 1<<20 || c.Size > 1<<40 {
		return fmt.Errorf("%w: %d bytes, 1 MiB to 1 TiB are possible", ErrConfig, c.Size)
	}
	if c.Rounds < 1 || c.Rounds > 1000 {
		return fmt.Errorf("%w: %d rounds, 1 to 1000 are possible", ErrConfig, c.Rounds)
	}
	return nil
}

// Transfer is what was measured, in megabytes (10^6 bytes) a second. Each way
// reads the same file and ends when a second file is written and synced.
type Transfer struct {
	Machine Machine `json:"machine"`
	Bytes   int64   `json:"bytes"`
	Disk    Series  `json:"disk_mb_s"`   // one file to another, without a network
	Hash    Series  `json:"hash_mb_s"`   // SHA-256 of the file, on one core
	TCP     Series  `json:"tcp_mb_s"`    // a bare TCP socket
	Stream  Series  `json:"stream_mb_s"` // a bare libp2p stream over QUIC
	Blob    Series  `json:"blob_mb_s"`   // the blob protocol over the same connection
	// The parts of the baselines' speed that the blob protocol reaches.
	OfTCP    float64 `json:"blob_to_tcp"`
	OfStream float64 `json:"blob_to_stream"`
}

// RunTransfer measures between two hosts of this process on loopback. It needs
// no rights, and disk for the bytes twice. Errors:
// ErrConfig, those of package alone.
func RunTransfer(ctx context.Context, cfg TransferConfig) (out Transfer, err error) {
	if err := cfg.Validate(); err != nil {
		return out, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	dir, release, err := alone.Take(ctx, "bench-transfer", sweep)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, release()) }()
	cfg.Report(fmt.Sprintf("making %d MiB of noise", cfg.Size>>20))
	source := filepath.Join(dir, "source")
	if err := noise(ctx, source, cfg.Size); err != nil {
		return out, err
	}
	p, err := newPair(ctx, dir, source)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	ways := []struct {
		name string
		once func(ctx context.Context, dest string) error
		into *Series
	}{
		{"disk", func(ctx context.Context, dest string) error { return copyFile(ctx, source, dest) }, &out.Disk},
		{"hash", func(ctx context.Context, _ string) error { return hashFile(ctx, source) }, &out.Hash},
		{"tcp", p.tcp, &out.TCP},
		{"stream", p.stream, &out.Stream},
		{"blob", p.blob, &out.Blob},
	}
	speeds := make([][]float64, len(ways))
	for round := range 1 + cfg.Rounds {
		cfg.Report(fmt.Sprintf("round %d of %d%s", round, cfg.Rounds, map[bool]string{true: ", to warm up"}[round == 0]))
		for turn := range ways {
			i := (round + turn) % len(ways)
			dest := filepath.Join(dir, "dest")
			since := time.Now()
			err := ways[i].once(ctx, dest)
			took := time.Since(since)
			if err = errors.Join(ctx.Err(), err, os.RemoveAll(dest)); err != nil {
				return out, fmt.Errorf("bench: %s: %w", ways[i].name, err)
			}
			if round > 0 {
				speeds[i] = append(speeds[i], float64(cfg.Size)/1e6/took.Seconds())
			}
		}
	}
	for i, w := range ways {
		*w.into = summarise(speeds[i])
	}
	out.Machine, out.Bytes = thisMachine(), cfg.Size
	out.OfTCP, out.OfStream = ratio(out.Blob.Median, out.TCP.Median), ratio(out.Blob.Median, out.Stream.Median)
	return out, nil
}

// noise fills a file with bytes that repeat nowhere.
func noise(ctx context.Context, path string, size int64) error {
	var seed [32]byte
	// It never fails: https://pkg.go.dev/crypto/rand#Read.
	_, _ = rand.Read(seed[:])
	return writeSynced(path, func(w io.Writer) error {
		return pour(ctx, w, io.LimitReader(mrand.NewChaCha8(seed), size))
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

func hashFile(ctx context.Context, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	return pour(ctx, sha256.New(), in)
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
