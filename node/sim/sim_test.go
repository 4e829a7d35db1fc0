package sim

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSmoke(t *testing.T) {
	cfg := Default()
	cfg.Mode = os.Getenv("SIM_MODE")
	cfg.Shards = 300
	if s := os.Getenv("SIM_ONLY"); s != "" {
		cfg.Strategies = []Strategy{Strategy(s)}
	}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r.Table())
	if dir := os.Getenv("SIM_PLOTS"); dir != "" {
		for _, p := range r.Plots() {
			os.WriteFile(filepath.Join(dir, p.Name+".svg"), p.SVG, 0o644)
		}
	}
}
