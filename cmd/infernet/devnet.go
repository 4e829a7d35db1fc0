package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/node/devnet"
)

func devnetCmd(a *app) *cobra.Command {
	return group("devnet", "a private network of real nodes on this machine",
		devnetUpCmd(a), devnetStatusCmd(a), devnetDownCmd(a))
}

// devnetDir adds --dir, which every verb of devnet needs.
func devnetDir(c *cobra.Command, dir *string) *cobra.Command {
	c.Flags().StringVar(dir, "dir", "", "folder of the network (needed)")
	c.PreRunE = func(*cobra.Command, []string) error {
		if *dir == "" {
			return usagef("say which network: --dir DIR")
		}
		return nil
	}
	return c
}

func devnetUpCmd(a *app) *cobra.Command {
	var cfg devnet.Config
	c := &cobra.Command{
		Use: "up", Short: "start a network and leave it running",
		Long: `Start a relay, providers, cheating providers and a client, each a node process with a home
in DIR, and leave them running. DIR/devnet.json says where they are;
INFERNET_HOME=DIR/client talks to the client. Providers need root.`,
		Example: "  sudo infernet devnet up --dir /tmp/net --providers 3 --cheaters 1\n  INFERNET_HOME=/tmp/net/client infernet provider list",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Detach = true
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			n, err := devnet.Up(cmd.Context(), cfg)
			if err == nil {
				err = n.AwaitProviders(cmd.Context(), cfg.Providers+cfg.Cheaters)
			}
			if err != nil {
				return err
			}
			return a.emit(n, func() {
				rows := make([][]string, 0, len(n.Nodes))
				for _, x := range n.Nodes {
					rows = append(rows, []string{x.Name, short(x.NPub), strconv.Itoa(x.PID), x.Home})
				}
				a.table("NAME NPUB PID HOME", rows)
			})
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Providers, "providers", 3, "honest providers")
	f.IntVar(&cfg.Cheaters, "cheaters", 0, "providers that alter their results")
	f.IntVar(&cfg.Validators, "validators", 0, "validators, whom the client trusts to decide disputes")
	f.StringSliceVar(&cfg.Serve, "serve", []string{engine.DemoModelName}, "models that the honest providers serve (repeatable; none: --serve=)")
	f.DurationVar(&cfg.Timeout, "timeout", devnet.DefaultTimeout, "for all nodes to be ready")
	f.StringVar(&cfg.Network, "network", "", "name, beginning with devnet (default: one is made up)")
	return devnetDir(c, &cfg.Dir)
}

func devnetStatusCmd(a *app) *cobra.Command {
	var dir string
	return devnetDir(&cobra.Command{
		Use: "status", Short: "show the nodes of a network",
		Example: "  infernet devnet status --dir /tmp/net",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			nodes, err := devnet.Status(cmd.Context(), dir)
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"nodes": nodes}, func() {
				rows := make([][]string, 0, len(nodes))
				for _, x := range nodes {
					rows = append(rows, []string{x.Name, short(x.NPub), strconv.Itoa(x.PID),
						yesNo(x.Running), yesNo(x.Ready), fmt.Sprint(x.Peers)})
				}
				a.table("NAME NPUB PID RUNNING READY PEERS", rows)
			})
		},
	}, &dir)
}

func devnetDownCmd(a *app) *cobra.Command {
	var dir string
	return devnetDir(&cobra.Command{
		Use: "down", Short: "stop a network and remove its processes, containers and mounts",
		Long:    "Stop a network, and remove what a killed one left: processes, containers, mounts.\nThe homes stay, and up uses them again.",
		Example: "  sudo infernet devnet down --dir /tmp/net",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Half a removal is worse than a late one.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 2*time.Minute)
			defer cancel()
			if err := devnet.Down(ctx, dir); err != nil {
				return err
			}
			return a.emit(map[string]bool{"down": true}, func() { a.printf("down") })
		},
	}, &dir)
}
