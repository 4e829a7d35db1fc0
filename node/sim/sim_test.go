package sim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"infernet.tech/infernet/node/job"
)

// size is the number of shards of a test: the full one takes minutes.
func size(full, everyday int) int {
	if os.Getenv("INFERNET_LONG") == "1" {
		return full
	}
	return everyday
}

// worlds plays and prints what was found.
func worlds(t *testing.T, cfg Config) Report {
	t.Helper()
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d, mode %s, %d shards, %d trusted validators a client\n%s", cfg.Seed, cfg.mode(), cfg.Shards, cfg.Trusted, r.Table())
	return r
}

// TestSameSeedSameBytes: a report can be made again by anybody.
func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Providers, cfg.Clients, cfg.Shards, cfg.JobShards = 40, 3, 90, 30
	cfg.Strategies = []Strategy{Honest, Selective, Withholding}
	var first [][]byte
	for range 2 {
		r := worlds(t, cfg)
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		made := [][]byte{raw}
		for _, p := range r.Plots() {
			wellFormed(t, p)
			made = append(made, p.SVG)
		}
		if first == nil {
			first = made
			continue
		}
		for i := range made {
			if !bytes.Equal(made[i], first[i]) {
				t.Fatalf("not the same bytes:\n%s\n%s", first[i], made[i])
			}
		}
	}
	cfg.Seed++
	if raw, err := json.Marshal(worlds(t, cfg).Rows); err != nil || bytes.Contains(first[0], raw) {
		t.Errorf("another seed changes nothing: %v", err)
	}
}

func wellFormed(t *testing.T, p Plot) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(p.SVG))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
	}
	if strings.Contains(string(p.SVG), "NaN") {
		t.Errorf("%s has a number that is none", p.Name)
	}
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no shards":     func(c *Config) { c.Shards = 0 },
		"half a node":   func(c *Config) { c.Providers = 1 },
		"no strategy":   func(c *Config) { c.Strategies = nil },
		"a strange one": func(c *Config) { c.Strategies = []Strategy{"nice"} },
		"more than all": func(c *Config) { c.Share = 1.5 },
		"a strange way": func(c *Config) { c.Mode = "luck" },
	} {
		cfg := Default()
		cfg.Strategies = []Strategy{Honest}
		change(&cfg)
		if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// cheats are the strategies of providers that give wrong results.
func cheats() []Strategy {
	return []Strategy{Lazy, Swapper, OnOff, Selective, Dear, Collude, Ring, Sybil, Whitewash}
}

// TestQuorumAcceptsNothingWrong: a third cheats by one strategy, in ten thousand
// shards, and each client has a validator of its own to decide disputes.
func TestQuorumAcceptsNothingWrong(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Mode, cfg.Trusted, cfg.Strategies = job.VerifyQuorum, 1, cheats()
	cfg.Shards = size(10_000, 120)
	for _, row := range worlds(t, cfg).Rows {
		if row.Accepted != 0 {
			t.Errorf("%s: %d of %d accepted results are wrong", row.Strategy, row.Accepted, row.Shards)
		}
		if row.Shards < cfg.Shards*9/10 {
			t.Errorf("%s: only %d of %d shards have a result", row.Strategy, row.Shards, cfg.Shards)
		}
		if row.FalseBlame.Value > 0 {
			t.Errorf("%s: honest work was blamed: %+v", row.Strategy, row.FalseBlame)
		}
	}
}

// TestOwnValidatorStopsARing: at the adaptive default the ring whose members give
// the same wrong result at once is what strangers alone are weakest against. With
// a validator of the client's own none of it is accepted.
func TestOwnValidatorStopsARing(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Trusted, cfg.Clients, cfg.Strategies = 1, 4, []Strategy{Swapper, Collude}
	cfg.Shards = size(10_000, 200)
	for _, row := range worlds(t, cfg).Rows {
		if row.Accepted != 0 || row.FalseBlame.Value > 0 {
			t.Errorf("%s: %d wrong results accepted, honest work blamed: %s", row.Strategy, row.Accepted, percent(row.FalseBlame))
		}
	}
}

// TestHonestIsNeverBlamed: ten thousand audits of honest work, while providers
// come and go and half of the network is away for an hour.
func TestHonestIsNeverBlamed(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Mode, cfg.Strategies, cfg.Churn, cfg.Partition = job.VerifyQuorum, []Strategy{Honest}, 0.2, day
	cfg.Shards = size(5_500, 200)
	row := worlds(t, cfg).Rows[0]
	if row.FalseBlame.Value != 0 || row.FalseBlame.N < 2*cfg.Shards*9/10 {
		t.Errorf("%+v", row.FalseBlame)
	}
}
