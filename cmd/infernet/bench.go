package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/bench"
)

func benchCmd(a *app) *cobra.Command {
	return group("bench", "measure this machine, each number beside its baseline",
		benchDispatchCmd(a), benchTransferCmd(a), benchInferCmd(a), benchVerifyCmd(a), benchPayCmd(a))
}

func benchDispatchCmd(a *app) *cobra.Command {
	cfg := bench.DefaultDispatch()
	c := &cobra.Command{
		Use: "dispatch", Short: "a task through the network beside the same task straight on containerd",
		Long: `Run a program that ends at once through the whole network path, as a job with one shard
and one provider, and straight on a private containerd of the same programs: with
containerd's own client, and with this program's hardening and limits. The three take
turns. A relay, a provider and a client run as processes of their own meanwhile, and are
removed with everything else at the end. Needs Linux, root and the programs that make
builds.`,
		Example: "  sudo infernet bench dispatch\n  sudo infernet bench dispatch --n 100 --in-flight 0 --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return usagef("%v", err)
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			d, err := bench.RunDispatch(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return a.emit(d, func() { a.showDispatch(d) })
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.N, "n", cfg.N, "tasks one at a time, each way")
	f.IntVar(&cfg.InFlight, "in-flight", cfg.InFlight, "tasks under way at once in the second part; 0 leaves it out")
	f.IntVar(&cfg.AtOnce, "at-once", cfg.AtOnce, "how many of those run at a time, each way")
	f.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "of the second part")
	return c
}

func (a *app) showDispatch(d bench.Dispatch) {
	a.printf("%s", machineText(d.Machine))
	a.printf("\none at a time, milliseconds a task:")
	a.compared(d.One)
	if d.InFlight != nil {
		a.printf("\n%d in flight, %d running at once each way, milliseconds a task:", d.InFlight.Tasks, d.InFlight.AtOnce)
		a.compared(d.InFlight.Compared)
	}
	a.printf("\nwhere the network's time goes, one at a time:")
	rows := make([][]string, 0, len(d.Phases))
	for _, p := range d.Phases {
		rows = append(rows, []string{p.Name, decimal(p.Took.Median), decimal(p.Took.P90), p.What})
	}
	a.table("PHASE MEDIAN P90 WHAT", rows)
}

func (a *app) compared(c bench.Compared) {
	row := func(name string, s bench.Series) []string {
		of := 0.0
		if c.Containerd.Median > 0 {
			of = s.Median / c.Containerd.Median
		}
		return []string{name, decimal(s.Median), decimal(s.P90), decimal(s.Min), fmt.Sprintf("%.2f", of), fmt.Sprint(s.N)}
	}
	a.table("WAY MEDIAN P90 LEAST RATIO N", [][]string{
		row("containerd", c.Containerd), row("runner", c.Runner), row("network", c.Network),
	})
}

func benchTransferCmd(a *app) *cobra.Command {
	cfg := bench.DefaultTransfer()
	size := "1GiB"
	c := &cobra.Command{
		Use: "transfer", Short: "a blob beside a bare libp2p stream and a bare TCP socket",
		Long: `Send the same file over loopback as a blob, from one host and from four, over bare libp2p
streams of the same connections, and over a bare TCP socket; add it to a store; do the
same with many small files and with one file of their bytes. Each way reads from disk
and ends when the copy is written and synced. How fast the disk and the hashing are
alone is told too, with the processor time and the memory that each way takes. All take
turns in one process; an aim that is missed is marked.`,
		Example: "  infernet bench transfer\n  infernet bench transfer --size 256MiB --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if cfg.Size, err = parseSize(size); err != nil {
				return usagef("--size: %v", err)
			}
			if err := cfg.Validate(); err != nil {
				return usagef("%v", err)
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			t, err := bench.RunTransfer(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return a.emit(t, func() { a.showTransfer(t) })
		},
	}
	f := c.Flags()
	f.StringVar(&size, "size", size, "how much to send")
	f.IntVar(&cfg.Files, "files", cfg.Files, "small files, of 10 KiB each; 0 leaves them out")
	f.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "each way, after one to warm up")
	return c
}

func (a *app) showTransfer(t bench.Transfer) {
	a.printf("%s", machineText(t.Machine))
	a.printf("\n%d MiB from file to file, megabytes a second (median, least, most), processor seconds a GiB,\nMiB of memory at most:", t.Bytes>>20)
	rows := make([][]string, 0, len(t.Ways))
	for _, w := range t.Ways {
		name := w.Name
		if w.Bytes != t.Bytes {
			name += "*"
		}
		rows = append(rows, []string{
			name, decimal(w.Speed.Median), decimal(w.Speed.Min), decimal(w.Speed.Max), decimal(w.CPU.Median), decimal(w.Memory.Max), w.What,
		})
	}
	a.table("WAY MEDIAN LEAST MOST CPU MEMORY WHAT", rows)
	if t.Files > 0 {
		a.printf("* %d files of %d bytes, and one file of as many bytes", t.Files, t.FileSize)
	}
	a.printf("\nratios of the medians, beside the aim:")
	rows = rows[:0]
	for _, r := range t.Ratios {
		rows = append(rows, []string{r.Name, fmt.Sprintf("%.2f", r.Value), aimText(r), r.What})
	}
	a.table("RATIO VALUE AIM WHAT", rows)
}

// aimText is the aim of a ratio, and whether it was missed.
func aimText(r bench.Ratio) string {
	text := "-"
	switch {
	case r.AtLeast > 0:
		text = fmt.Sprintf(">= %g", r.AtLeast)
	case r.AtMost > 0:
		text = fmt.Sprintf("<= %g", r.AtMost)
	}
	if !r.Met() {
		text += ", missed"
	}
	return text
}

func machineText(m bench.Machine) string {
	return fmt.Sprintf("%s, %d cores, %d GiB, %s/%s", m.CPU, m.Cores, (m.MemoryBytes+1<<29)>>30, m.OS, m.Arch)
}

func decimal(v float64) string { return fmt.Sprintf("%.1f", v) }

// parseSize reads a number of bytes with its unit.
func parseSize(text string) (int64, error) {
	for _, unit := range []struct {
		name string
		size int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}} {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/unit.size {
			break
		}
		return n * unit.size, nil
	}
	return 0, fmt.Errorf("%.40q is no size; write it with its unit, as 256MiB or 1GiB", text)
}
