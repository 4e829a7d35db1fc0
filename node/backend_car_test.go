package node

import (
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/node/content"
)

// A small CAR stands for no more than is fetched, unless the user says so.
func TestLimitOfACAR(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "car")
	for size, want := range map[int64]uint64{1 << 20: content.MaxBring, 100 << 30: 100 << 30} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if got, err := carLimit(path, 0); err != nil || got != want {
			t.Errorf("%d bytes: %d, %v", size, got, err)
		}
		if got, err := carLimit(path, 7); err != nil || got != 7 {
			t.Errorf("asked for 7: %d, %v", got, err)
		}
	}
}
