//go:build linux

package devnettest

import (
	"os"
	"path/filepath"
	"testing"
)

// What a run left that was cut off is taken away by the next one; what belongs to
// one that goes on, or to others, stays.
func TestSweep(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	live := Dir(t)
	cut, others := filepath.Join(os.TempDir(), "e2e1"), filepath.Join(os.TempDir(), "e2e2")
	for _, dir := range []string{cut, others} {
		if err := os.MkdirAll(filepath.Join(dir, "client"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cut, owned), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	Dir(t)
	for dir, stays := range map[string]bool{live: true, cut: false, others: true} {
		if _, err := os.Stat(dir); (err == nil) != stays {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
