package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/bench"
)

// shardRate is how many shards a second one core should carry through the
// aggregator's code when providers answer at once.
const shardRate = 500

func benchVerifyCmd(a *app) *cobra.Command {
	cfg := bench.DefaultVerify()
	c := &cobra.Command{
		Use: "verify", Short: "what checking costs: documents, signatures, scores, and shards a second",
		Long: fmt.Sprintf(`Measure the processor time that one shard takes for its documents: making, signing, reading
and checking them, holding the lottery, and scoring; and how many shards a second of one
core go through the aggregator's code in each mode, with providers that answer at once,
beside what signatures alone would allow. The aim is %d shards a second; what misses it is
marked. Needs no node.`, shardRate),
		Example: "  infernet bench verify\n  infernet bench verify --shards 10000 --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return usagef("%v", err)
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			v, err := bench.RunVerify(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return a.emit(v, func() { a.showVerifyBench(v) })
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Documents, "documents", cfg.Documents, "of each kind, made, signed, read and checked")
	f.IntVar(&cfg.Shards, "shards", cfg.Shards, "through the aggregator's code, in each mode")
	f.IntVar(&cfg.JobShards, "job-shards", cfg.JobShards, "shards of one job")
	f.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "of each measurement")
	f.StringSliceVar(&cfg.Modes, "mode", nil, "modes of verification to measure (repeatable, or with commas; default: all)")
	return c
}

func (a *app) showVerifyBench(v bench.Verify) {
	a.printf("%s", machineText(v.Machine))
	a.printf("\nprocessor time of one shard, microseconds (median, 90 of 100):")
	rows := make([][]string, 0, len(v.Parts)+1)
	for _, p := range v.Parts {
		rows = append(rows, []string{p.Name, decimal(p.Took.Median), decimal(p.Took.P90), p.What})
	}
	rows = append(rows, []string{"total", decimal(v.Total.Median), decimal(v.Total.P90), ""})
	a.table("PART MEDIAN P90 WHAT", rows)
	a.printf("\nshards a second of one core through the aggregator's code, aim %d; beside it with the", shardRate)
	a.printf("providers' documents on the same core, what signatures alone would allow, and where a shard's time goes, microseconds:")
	rows = rows[:0]
	for _, p := range v.Paths {
		aim := "met"
		if p.PerSecond.Median < shardRate {
			aim = "missed"
		}
		rows = append(rows, []string{
			p.Mode, fmt.Sprint(p.Shards), decimal(p.PerSecond.Median), decimal(p.PerSecond.Min), aim, decimal(p.Both.Median), decimal(p.SignaturesAlone), fmt.Sprintf("%.2f", p.Runs),
			decimal(p.Machine.Median), decimal(p.Store.Median), decimal(p.Documents.Median), decimal(p.Scoring.Median),
		})
	}
	a.table("MODE SHARDS MEDIAN LEAST AIM BOTH SIGNATURES RUNS MACHINE STORE DOCUMENTS SCORING", rows)
	if g := v.Gossip; g != nil {
		a.printf("\na simulated network of %d nodes that each tell once a day what they think: %s a node a day both ways;", g.Nodes, bytesText(uint64(g.BytesPerDay)))
		a.printf("a document reaches 99 of 100 in %s; parted for a day, both halves agree by %s a node (rounds of sync: %d)", g.Reach99.Round(10*time.Millisecond), bytesText(uint64(g.Partition.Bytes)), g.Partition.Rounds)
		a.printf("%s of them are the documents that it missed", bytesText(uint64(g.Partition.Bytes-g.Partition.Overhead)))
	}
}
