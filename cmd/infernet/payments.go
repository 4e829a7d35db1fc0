package main

import (
	"encoding/csv"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func paymentsCmd(a *app) *cobra.Command {
	return group("payments", "the journal of payments",
		paymentsListCmd(a), paymentsShowCmd(a), paymentsReconcileCmd(a), paymentsEarningsCmd(a))
}

func paymentsListCmd(a *app) *cobra.Command {
	var q api.PaymentQuery
	var csv bool
	c := &cobra.Command{
		Use: "list", Short: "list payments, newest first",
		Example: "  infernet payments list --job 1f3a --csv\n  infernet payments list --open",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Max < 1 {
				return usagef("--max %d: it is a number above zero", q.Max)
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			ps, err := c.Payments(cmd.Context(), q)
			if err != nil {
				return err
			}
			if csv {
				return a.emitCSV(ps, paymentRows(ps))
			}
			return a.emit(ps, func() { a.showPayments(ps) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.Rail, "rail", "", "only this rail")
	f.StringVar(&q.Direction, "direction", "", "in or out")
	f.StringVar(&q.State, "state", "", "quoted, held, captured, released or unknown")
	f.StringVar(&q.Peer, "peer", "", "only with this npub")
	f.StringVar(&q.Job, "job", "", "only of this job, by its id or the beginning of it")
	f.BoolVar(&q.Open, "open", false, "only what has no outcome yet")
	f.IntVar(&q.Max, "max", 1000, "how many at most")
	csvFlag(c, &csv)
	return c
}

func (a *app) showPayments(ps []api.Payment) {
	rows := make([][]string, 0, len(ps))
	for _, p := range ps {
		rows = append(rows, []string{
			clock(p.AtMS), foreign(p.Rail), nameText(p.Ref), foreign(p.Direction), short(p.Peer), human(p.Amount), foreign(p.State),
		})
	}
	a.table("TIME RAIL REF DIRECTION PEER AMOUNT STATE", rows)
}

func paymentRows(ps []api.Payment) [][]string {
	rows := [][]string{{"time", "rail", "ref", "direction", "peer", "amount", "unit", "state", "memo"}}
	for _, p := range ps {
		rows = append(rows, []string{
			stamp(p.AtMS), p.Rail, p.Ref, p.Direction, p.Peer, strconv.FormatUint(p.Amount.Amount, 10), p.Amount.Unit, p.State, p.Memo,
		})
	}
	return rows
}

func paymentsShowCmd(a *app) *cobra.Command {
	var peer string
	cmd := &cobra.Command{
		Use: "show REF", Short: "show one payment: why, how it came to be as it is, and its evidence",
		Example: "  infernet payments show REF --json",
		Args:    args(1, 1, "one REF"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			p, err := c.Payment(cmd.Context(), given[0], peer)
			if err != nil {
				return err
			}
			return a.emit(p, func() { a.showPayment(p) })
		},
	}
	cmd.Flags().StringVar(&peer, "peer", "", "the one with this `npub`, where several are called alike")
	return cmd
}

func (a *app) showPayment(p api.PaymentDetail) {
	a.printf("%s: %s %s, %s %s on %s", nameText(p.Ref), human(p.Amount), foreign(p.State), foreign(p.Direction), short(p.Peer), foreign(p.Rail))
	if p.Memo != "" {
		a.printf("for: %s", words(p.Memo))
	}
	if p.Reason != "" {
		a.printf("why it is %s: %s", foreign(p.State), words(p.Reason))
	}
	if p.Receipt != "" {
		a.printf("receipt: %s", foreign(p.Receipt))
	}
	rows := make([][]string, 0, len(p.Steps))
	for _, s := range p.Steps {
		rows = append(rows, []string{clock(s.AtMS), foreign(s.State), words(s.Why)})
	}
	a.table("TIME STATE WHY", rows)
	evidence := "none"
	switch {
	case len(p.Doc) > 0 && len(p.Answer) > 0:
		evidence = "the promise and its countersignature (see --json)"
	case len(p.Doc) > 0:
		evidence = "the promise, not answered (see --json)"
	}
	a.printf("evidence: %s", evidence)
	for _, o := range p.Alike {
		a.printf("alike: %s %s, %s %s on %s (--peer %s shows it)",
			human(o.Amount), foreign(o.State), foreign(o.Direction), short(o.Peer), foreign(o.Rail), foreign(o.Peer))
	}
}

func paymentsReconcileCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "reconcile", Short: "compare the journal with the rails and the receipts",
		Long: `Compare what the journal says with what the other side, the Lightning node or the chain says,
and with the receipts. For each difference it tells what is certain and what is done about it.
It ends with exit code 18 while the outcome of a payment is not known, and with 17 when books
differ.`,
		Example: "  infernet payments reconcile",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			rs, err := c.Reconcile(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.emit(rs, func() { a.showReconciled(rs) }); err != nil {
				return err
			}
			return reconcileResult(rs)
		},
	}
}

func (a *app) showReconciled(rs []api.Reconciled) {
	for _, r := range rs {
		took := (time.Duration(r.TookMS) * time.Millisecond).String()
		if r.Error != "" {
			a.printf("%s: could not be compared: %s", foreign(r.Rail), words(r.Error))
			continue
		}
		a.printf("%s: %d entries compared in %s, %s", foreign(r.Rail), r.Entries, took, differences(len(r.Differences)))
		for _, d := range r.Differences {
			a.printf("  %s %s: %s", foreign(d.Kind), nameText(d.Ref), words(d.What))
			a.printf("    certain: %s", words(d.Certain))
			a.printf("    doing:   %s", words(d.Doing))
		}
	}
}

func differences(n int) string {
	if n == 1 {
		return "1 difference"
	}
	return strconv.Itoa(n) + " differences"
}

// reconcileResult is how the verb ends.
func reconcileResult(rs []api.Reconciled) error {
	open, unknown := 0, false
	for _, r := range rs {
		if r.Error != "" {
			return failf(exitOther, "look at the wallet: infernet wallet balance", "%s could not be compared", foreign(r.Rail))
		}
		for _, d := range r.Differences {
			if d.Mended {
				continue
			}
			open++
			unknown = unknown || d.Kind == "unknown"
		}
	}
	switch {
	case unknown:
		return failf(exitMoney, "do not pay again; the node asks until it knows", "the outcome of a payment is not known yet")
	case open > 0:
		return failf(exitCheck, "see what is certain above", "%s not mended yet", differences(open))
	}
	return nil
}

func paymentsEarningsCmd(a *app) *cobra.Command {
	var by string
	var csv bool
	c := &cobra.Command{
		Use: "earnings", Short: "add up what came in and went out, by job, peer or day",
		Example: "  infernet payments earnings --by day --csv > earnings.csv",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Earnings(cmd.Context(), by)
			if err != nil {
				return err
			}
			if csv {
				return a.emitCSV(all, earningRows(by, all))
			}
			return a.emit(all, func() {
				rows := make([][]string, 0, len(all))
				for _, e := range all {
					key := e.Key
					if by == "peer" {
						key = short(key)
					} else {
						key = shortID(key)
					}
					rows = append(rows, []string{key, foreign(e.Rail), inUnit(e.Earned, e.Unit), inUnit(e.Spent, e.Unit), strconv.Itoa(e.Count)})
				}
				a.table("KEY RAIL EARNED SPENT PAYMENTS", rows)
			})
		},
	}
	c.Flags().StringVar(&by, "by", "day", "job, peer or day")
	csvFlag(c, &csv)
	return c
}

func earningRows(by string, all []api.Earning) [][]string {
	rows := [][]string{{by, "rail", "unit", "earned", "spent", "payments"}}
	for _, e := range all {
		rows = append(rows, []string{
			e.Key, e.Rail, e.Unit, strconv.FormatUint(e.Earned, 10), strconv.FormatUint(e.Spent, 10), strconv.Itoa(e.Count),
		})
	}
	return rows
}

func csvFlag(c *cobra.Command, to *bool) {
	c.Flags().BoolVar(to, "csv", false, "print comma-separated values, amounts in the smallest unit")
}

// emitCSV prints rows as RFC 4180 says; with --json it prints the value instead.
func (a *app) emitCSV(v any, rows [][]string) error {
	if a.json {
		return a.document(v)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = noFormula(row[i])
		}
	}
	return csv.NewWriter(a.out).WriteAll(rows)
}

// noFormula keeps a spreadsheet from running a stranger's text as a formula.
func noFormula(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@') {
		return "'" + s
	}
	return s
}

func at(ms int64) time.Time { return time.UnixMilli(ms) }

func stamp(ms int64) string { return at(ms).UTC().Format(time.RFC3339) }
