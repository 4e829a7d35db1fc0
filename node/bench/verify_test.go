package bench

import (
	"errors"
	"testing"
)

func TestVerify(t *testing.T) {
	cfg := DefaultVerify()
	cfg.Documents, cfg.Shards, cfg.JobShards, cfg.Rounds = 20, 20, 10, 2
	cfg.Nodes = 60
	got, err := RunVerify(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Parts) != partCount || !(got.Total.Median > 0) {
		t.Errorf("%+v", got)
	}
	t.Logf("%+v", got.Gossip)
	for _, p := range got.Paths {
		if !(p.PerSecond.Median > p.Both.Median) || !(p.Both.Median > 0) || p.Runs < 1 || p.Mode == "quorum" && p.Runs < 2 {
			t.Errorf("%+v", p)
		}
	}
	for _, bad := range []VerifyConfig{{}, {Documents: 1, Shards: 1, JobShards: 1, Rounds: 1, Modes: []string{"luck"}}} {
		if _, err := RunVerify(t.Context(), bad); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
