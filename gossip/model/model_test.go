package model_test

import (
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"infernet.tech/infernet/gossip/model"
)

func TestModel(t *testing.T) {
	t.Parallel()
	cfg := model.Default()
	if os.Getenv("INFERNET_LONG") == "" {
		cfg.Nodes, cfg.Samples = 2000, 10
	}
	begun := time.Now()
	r, err := model.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v in %s", r, time.Since(begun))
	if r.Reached != 1 || r.Reach50 > r.Reach99 || r.Reach99 > r.ReachAll || r.ReachAll > 5*time.Second {
		t.Errorf("a document reaches %v: half after %s, all after %s", r.Reached, r.Reach50, r.ReachAll)
	}
	if r.Copies < 1 || r.Copies > 6 {
		t.Errorf("%.1f copies", r.Copies)
	}
	// What must travel, at least: each document once in and once out.
	if least := 1.9 * r.Documents * float64(cfg.Document) * cfg.Online; r.GossipBytes < least || r.BytesPerDay > 6*least {
		t.Errorf("%.0f bytes of gossip, %.0f in all; the documents have %.0f", r.GossipBytes, r.BytesPerDay, least)
	}
	p := r.Partition
	if p.Rounds < 1 || p.Rounds > 3 {
		t.Errorf("%d rounds to agree", p.Rounds)
	}
	if p.Overhead > 0.3*p.FullCopy {
		t.Errorf("%.0f bytes beside the documents, which have %.0f", p.Overhead, p.FullCopy)
	}
}

// Where few digests are new, healing costs little of a copy.
func TestHealingWithFewChanges(t *testing.T) {
	t.Parallel()
	cfg := model.Default()
	cfg.Nodes, cfg.Samples, cfg.Changed = 3000, 1, 0.02
	r, err := model.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r.Partition)
	if r.Partition.Rounds > 3 || r.Partition.Bytes > 0.05*r.Partition.FullCopy {
		t.Errorf("%+v", r.Partition)
	}
}

func TestSameSeedSameReport(t *testing.T) {
	t.Parallel()
	cfg := model.Default()
	cfg.Nodes, cfg.Samples = 200, 5
	a, err := model.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := model.Run(t.Context(), cfg)
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%+v and %+v: %v", a, b, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*model.Config){
		"nodes":     func(c *model.Config) { c.Nodes = 3 },
		"online":    func(c *model.Config) { c.Online = 0 },
		"document":  func(c *model.Config) { c.Document = 1 << 20 },
		"changed":   func(c *model.Config) { c.Changed = 2 },
		"samples":   func(c *model.Config) { c.Samples = 0 },
		"frequency": func(c *model.Config) { c.PerDay = -1 },
		"sync":      func(c *model.Config) { c.Every = 0 },
	} {
		cfg := model.Default()
		change(&cfg)
		if _, err := model.Run(t.Context(), cfg); !errors.Is(err, model.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
