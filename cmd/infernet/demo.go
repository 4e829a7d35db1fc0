package main

import (
	"errors"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/demo"
)

func demoCmd(a *app) *cobra.Command {
	cfg := demo.Default()
	c := &cobra.Command{
		Use: "demo", Short: "see the whole of it on this machine: a network, a prompt, a job, a cheater caught",
		Long: `Start a private network of real nodes, ask a model one thing on a provider, run a batch
of prompts in shards on providers of which one cheats, show who was caught and who was
paid, and remove everything again. Needs Linux, root and the programs that make builds.`,
		Example: "  sudo infernet demo\n  sudo infernet demo --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Out = a.err
			sum, names, err := demo.Run(cmd.Context(), cfg)
			if err != nil && !errors.Is(err, demo.ErrFailed) {
				return err
			}
			var shown error
			if perr := a.emit(sum, func() { shown = sum.Print(a.out, names) }); perr != nil || shown != nil {
				return errors.Join(perr, shown)
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Dir, "dir", "", "folder for the network (default: one for this user, removed afterwards)")
	f.IntVar(&cfg.Providers, "providers", cfg.Providers, "honest providers")
	f.IntVar(&cfg.Cheaters, "cheaters", cfg.Cheaters, "providers that cheat")
	f.IntVar(&cfg.Prompts, "prompts", cfg.Prompts, "prompts of the batch")
	f.IntVar(&cfg.ShardSize, "shard-size", cfg.ShardSize, "prompts a shard")
	return c
}
