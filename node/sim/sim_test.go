package sim

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	cfg := Default()
	cfg.Mode = "quorum"
	cfg.Shards = 500
	cfg.Strategies = []Strategy{Honest, Collude}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r.Table())
}
