package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/bench"
)

func benchInferCmd(a *app) *cobra.Command {
	cfg := bench.DefaultInfer()
	c := &cobra.Command{
		Use: "infer", Short: "requests to a model through the network beside an engine's own socket",
		Long: `Send the same chat requests straight to the socket of a warm engine, and through the local
API of a client, its node, libp2p and a provider's node to an engine of the same image
with the same model. The two take turns. Told are the time to the first token, tokens a
second of several streams at once with what the nodes add in processor time and bytes,
and the same for an engine without a model, where all the time that is left is the
network's. A relay, a provider and a client run as processes of their own meanwhile. Needs
Linux, root and the programs that make builds.`,
		Example: "  sudo infernet bench infer\n  sudo infernet bench infer --n 300 --streams 1,8 --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return usagef("%v", err)
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			b, err := bench.RunInfer(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return a.emit(b, func() { a.showInfer(b) })
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.N, "n", cfg.N, "requests one at a time, each way")
	f.IntVar(&cfg.Tokens, "tokens", cfg.Tokens, "longest answer of a stream")
	f.IntSliceVar(&cfg.Streams, "streams", cfg.Streams, "how many streams at once, one measurement each")
	f.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "of each measurement, each way")
	f.IntVar(&cfg.Echo, "echo", cfg.Echo, "requests to an engine without a model, each way; 0 leaves them out")
	f.IntVar(&cfg.AtOnce, "at-once", cfg.AtOnce, "how many of those at once in the second half")
	f.DurationVar(&cfg.EchoFor, "echo-for", cfg.EchoFor, "how long the second half lasts, each way")
	return c
}

func (a *app) showInfer(b bench.Infer) {
	a.printf("%s", machineText(b.Machine))
	a.printf("\ntime to the first token, milliseconds:")
	a.showAdded(b.First)
	a.printf("\ntokens a second, all streams together, and what the nodes take for a token:")
	a.showSpeeds(b.Streams)
	if len(b.Paced) > 0 {
		a.printf("\nthe same with a token every %d ms in each stream, without a model:", b.PaceMS)
		a.showSpeeds(b.Paced)
	}
	if e := b.Echo; e != nil {
		a.printf("\nwithout a model, milliseconds a request:")
		a.showAdded(e.One)
		a.printf("\n%d at once: %.0f requests a second at the engine, %.0f through the network (%.0f us of the nodes' processor time each)",
			e.AtOnce, e.EngineRate, e.NetworkRate, e.CPUPerRequest)
	}
}

func (a *app) showSpeeds(all []bench.Speed) {
	rows := make([][]string, 0, len(all))
	for _, s := range all {
		rows = append(rows, []string{
			fmt.Sprint(s.Streams), decimal(s.Engine.Median), decimal(s.Network.Median), fmt.Sprintf("%.3f", s.Ratio),
			decimal(s.CPUMicros), decimal(s.Bytes), decimal(s.Body),
		})
	}
	a.table("STREAMS ENGINE NETWORK RATIO CPU_US LOOPBACK_BYTES BODY_BYTES", rows)
}

func (a *app) showAdded(v bench.Added) {
	row := func(name string, s bench.Series) []string {
		return []string{name, fmt.Sprintf("%.2f", s.Median), fmt.Sprintf("%.2f", s.P90), fmt.Sprintf("%.2f", s.P99), fmt.Sprint(s.N)}
	}
	a.table("WAY P50 P90 P99 N", [][]string{row("engine", v.Engine), row("network", v.Network)})
	a.printf("added: p50 %.2f, p99 %.2f", v.AddedP50, v.AddedP99)
}
