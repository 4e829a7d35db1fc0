package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/sim"
)

func simCmd(a *app) *cobra.Command {
	cfg := sim.Default()
	var names []string
	var rate, plots string
	c := &cobra.Command{
		Use: "sim", Short: "try the rules of trust on thousands of virtual nodes",
		Long: `Play the market with virtual providers, clients and validators, in virtual time: one world
for each strategy, of which that share of players follows it. Jobs, matching, audits,
payments and reputation are the code that nodes run; only the people are played. Told are,
with 95% intervals in brackets: wrong results accepted, cheaters caught and how late, honest
work blamed, executions beyond one a shard, and what honest nodes and the strategy's players
earn. The same seed gives the same numbers. Needs no node. The strategies are:

` + strategiesText(),
		Example: "  infernet sim\n  infernet sim --strategy lazy,whitewash --providers 1000 --shards 10000 --seed 7\n  infernet sim --mode quorum --trusted 1 --plot plots --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := simConfig(&cfg, names, rate); err != nil {
				return err
			}
			dir, err := emptyFolder(plots)
			if err != nil {
				return err
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			r, err := sim.Run(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return a.showSim(r, dir)
		},
	}
	f := c.Flags()
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "of all that is drawn")
	f.StringSliceVar(&names, "strategy", nil, "strategies to try, a world each (repeatable, or with commas; default: all)")
	f.IntVar(&cfg.Providers, "providers", cfg.Providers, "providers in each world")
	f.IntVar(&cfg.Clients, "clients", cfg.Clients, "clients in each world")
	f.IntVar(&cfg.Validators, "validators", cfg.Validators, "validators that nobody trusts ahead")
	f.IntVar(&cfg.Trusted, "trusted", cfg.Trusted, "validators of its own that each client trusts")
	f.IntVar(&cfg.Shards, "shards", cfg.Shards, "shards of each world, all jobs together")
	f.IntVar(&cfg.JobShards, "job-shards", cfg.JobShards, "shards of one job")
	f.Uint64Var(&cfg.Units, "units", cfg.Units, "units of work in a shard")
	f.StringVar(&cfg.Mode, "mode", cfg.Mode, "how jobs are checked: adaptive, sample, quorum, canary, replay, none (default: as jobs are)")
	f.Uint32Var(&cfg.Replicas, "replicas", cfg.Replicas, "copies of a shard, with quorum (0: the default)")
	f.Uint32Var(&cfg.Agree, "agree", cfg.Agree, "copies that must agree, with quorum (0: the default)")
	f.StringVar(&rate, "rate", "", "share of results that is checked, as 5% or 0.05 (default: the mode's)")
	f.Float64Var(&cfg.Share, "share", cfg.Share, "share of players that follow the strategy, 0 to 1")
	f.Float64Var(&cfg.Churn, "churn", cfg.Churn, "share of providers that is away at any time, 0 to 0.9")
	f.DurationVar(&cfg.Partition, "partition", cfg.Partition, "how long half of the providers are out of reach, once (0: never)")
	f.Float64Var(&cfg.Days, "days", cfg.Days, "days over which the jobs are spread")
	f.StringVar(&plots, "plot", "", "write plots (SVG) into this folder, which must be empty or not exist")
	f.Lookup("share").DefValue = "1/3" // and not with sixteen digits
	return c
}

// simConfig puts what the flags name into the configuration, and checks it.
func simConfig(cfg *sim.Config, names []string, rate string) error {
	if len(names) > 0 {
		cfg.Strategies = nil
		for _, n := range names {
			cfg.Strategies = append(cfg.Strategies, sim.Strategy(strings.TrimSpace(n)))
		}
	}
	if rate != "" {
		var err error
		if cfg.Rate, err = parseRate("--rate", rate); err != nil {
			return err
		}
	}
	return cfg.Validate()
}

func strategiesText() string {
	var b strings.Builder
	for _, s := range sim.Strategies() {
		fmt.Fprintf(&b, "  %-12s %-9s %s\n", s.Strategy, s.Role, s.What)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (a *app) showSim(r sim.Report, dir string) error {
	if dir != "" {
		for _, p := range r.Plots() {
			if err := writeNew(filepath.Join(dir, p.Name+".svg"), p.SVG); err != nil {
				return err
			}
		}
	}
	return a.emit(r, func() {
		c := r.Config
		a.printf("%d providers, %d clients, %d shards in jobs of %d; %.0f%% follow the strategy; seed %d",
			c.Providers, c.Clients, c.Shards, c.JobShards, 100*c.Share, c.Seed)
		a.printf("%s", strings.TrimRight(r.Table(), "\n"))
		if dir != "" {
			a.printf("plots    %s", pathText(dir))
		}
	})
}
