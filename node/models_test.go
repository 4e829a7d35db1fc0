package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/gguf"
)

// TestDemoCache holds the cache of the demonstration model's token against its
// layers and heads: 5 layers of 128 numbers for keys and as many for values.
func TestDemoCache(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "demo.gguf")
	if err := os.WriteFile(path, engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := gguf.Describe(path, gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	most := h.Layers * h.EmbeddingLength * 2 * 2
	if h.CacheToken == 0 || h.CacheToken > most {
		t.Errorf("%d bytes a token, want 1 to %d", h.CacheToken, most)
	}
	size := engine.Sizes{Weights: h.Size, CacheToken: h.CacheToken, Context: int(h.ContextLength), Parallel: 8}
	if _, err := size.Fit(100 << 20); !errors.Is(err, engine.ErrMemory) {
		t.Errorf("100 MiB are enough: %v", err)
	}
}
