package blob

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// Who adds hears of every byte, once: of a file, of one in place, of a folder
// of small and large files.
func TestOnReadCountsEveryByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	total := 0
	for i, size := range []int{0, 1, packLimit, packLimit + 1, 3*chunkSize + 5, 40 * chunkSize} {
		data, err := io.ReadAll(noise(uint64(i+1), int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
		total += size
	}
	for _, reference := range []bool{false, true} {
		var n atomic.Int64
		opt := AddOptions{Reference: reference, OnRead: func(k int) { n.Add(int64(k)) }}
		if _, err := newStore(t).AddFile(t.Context(), filepath.Join(dir, "5"), opt); err != nil || n.Load() != 40*chunkSize {
			t.Errorf("in place %v: %d bytes told, %v", reference, n.Load(), err)
		}
		n.Store(0)
		if _, err := newStore(t).AddTreeWith(t.Context(), dir, opt); err != nil || n.Load() != int64(total) {
			t.Errorf("folder, in place %v: %d bytes of %d told, %v", reference, n.Load(), total, err)
		}
	}
}
