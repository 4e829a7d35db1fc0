package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/bench"
)

func benchPayCmd(a *app) *cobra.Command {
	cfg := bench.DefaultPay()
	c := &cobra.Command{
		Use: "pay", Short: "what settling costs: signatures, settlements a second, bytes, reconciling, gas",
		Long: `Pay for shards from one node to many others, on credit and on credit made good by
vouchers, over the real rails with pipes between them, in memory and on disk, where
every step is synced before it is answered for. Told is how many one core does in a
second, both sides together, beside what the signatures that both sides owe each other
would allow alone; and how many the clock saw. In company many payments to one payee are
made at the same time: those that wait share a note and its signatures. Then: what a payment leaves in the
journal, how long it takes to reconcile a large one beside just reading it, and the gas
of the contract's operations as it was measured when it was committed. An aim that is
missed is marked. The vouchers know no chain: looking at the channel, its records and
the day's ceiling are left out; the commands told at the end measure them. Needs no
node and no wallet.`,
		Example: "  infernet bench pay\n  infernet bench pay --entries 1000000 --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return usagef("%v", err)
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			p, err := bench.RunPay(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return a.emit(p, func() { a.showPayBench(p) })
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Payments, "payments", cfg.Payments, "each way and round")
	f.IntVar(&cfg.Channels, "channels", cfg.Channels, "payees of the one payer, paid at the same time")
	f.IntVar(&cfg.Together, "together", cfg.Together, "payments to one payee at the same time, in company")
	f.IntVar(&cfg.Signatures, "signatures", cfg.Signatures, "of each kind and round")
	f.IntVar(&cfg.Entries, "entries", cfg.Entries, "of the journal that is reconciled; 0 leaves it out")
	f.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "of each measurement")
	f.StringVar(&cfg.Dir, "dir", "", "where to make the stores on disk (default: the system's folder for such files)")
	return c
}

func (a *app) showPayBench(p bench.Pay) {
	a.printf("%s", machineText(p.Machine))
	a.printf("\nprocessor time of one signature, microseconds (median, least):")
	var rows [][]string
	for _, s := range p.Signatures {
		rows = append(rows, []string{s.Name, decimal(s.Took.Median), decimal(s.Took.Min), s.What})
	}
	a.table("SIGNATURE MEDIAN LEAST WHAT", rows)
	a.payWays(p.Ways)
	if b := p.Books; b != nil {
		a.printf("\na journal of %d entries on disk, %s; milliseconds (median, 90 of 100):", b.Entries, bytesText(uint64(b.Bytes)))
		row := func(name string, s bench.Series, what string) []string {
			return []string{name, decimal(s.Median), decimal(s.P90), what}
		}
		a.table("PASS MEDIAN P90 WHAT", [][]string{
			row("scan", b.Scan, "the baseline: all of it read, nothing looked at"),
			row("reconcile", b.Reconcile, fmt.Sprintf("every entry, sum and account proven: %.2f of the scan", b.Ratio.Median)),
			row("sweep", b.Sweep, "what a node does on its timer: only what is open"),
			row("page", b.Page, "the hundred newest with one peer"),
		})
	}
	a.printf("\ngas as it was measured when the contract was committed, beside the prototype's:")
	rows = rows[:0]
	for _, g := range p.Gas {
		before := "-"
		if g.Prototype > 0 {
			before = fmt.Sprint(g.Prototype)
		}
		rows = append(rows, []string{g.Operation, fmt.Sprint(g.Gas), before})
	}
	a.table("OPERATION GAS PROTOTYPE", rows)
	a.printf("\nwhat this program cannot measure, in a copy of the source:")
	for _, e := range p.Elsewhere {
		a.printf("  %s: %s", e.What, e.Command)
	}
}

// payWays shows settlements a second beside their bound and aim.
func (a *app) payWays(ways []bench.PayWay) {
	a.printf("\nsettlements a second of one core, both sides together, %d payees at the same time (median, least);", ways[0].Channels)
	a.printf("what the signatures alone would allow, and the share of it reached; settlements a second of the clock;")
	a.printf("bytes that one leaves in the store of one side:")
	rows := make([][]string, 0, len(ways))
	for _, w := range ways {
		aim, left := fmt.Sprintf("%.0f", w.Aim), "-"
		if !w.Met() {
			aim += ", missed"
		}
		if w.Bytes > 0 {
			left = fmt.Sprintf("%.0f", w.Bytes)
		}
		rows = append(rows, []string{
			w.Name, w.Store, fmt.Sprint(w.Together), decimal(w.PerSecond.Median), decimal(w.PerSecond.Min), decimal(w.SignaturesAlone.Median),
			fmt.Sprintf("%.2f", w.Ratio.Median), aim, decimal(w.Wall.Median), left, w.What,
		})
	}
	a.table("WAY STORE TOGETHER MEDIAN LEAST SIGNATURES RATIO AIM CLOCK BYTES WHAT", rows)
}
