package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
)

func walletCmd(a *app) *cobra.Command {
	return group("wallet", "this node's money: wallets, channels, what moved",
		walletConnectCmd(a), walletDeployCmd(a), walletBalanceCmd(a), walletChannelsCmd(a),
		walletOpenCmd(a), walletTopUpCmd(a), walletCloseCmd(a), walletHistoryCmd(a))
}

// walletBalance is what "wallet balance" prints as JSON.
type walletBalance struct {
	Wallets []api.Wallet  `json:"wallets"`
	Peers   []api.Balance `json:"peers"`
}

// walletBalanceCmd stands under wallet and, as balance, at the top.
func walletBalanceCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "balance", Short: "show the wallets, what is at risk, and how this node stands with its peers",
		Long: `Show each rail and the money behind it, then how this node stands with each peer.
EXPOSURE is what peers have signed for and not yet made good: the most that this node could
lose to them now. OURS is what this node has locked or paid ahead: the most it could lose
the other way. Both are bounded by LIMIT and by the size of a shard.

A wallet is ready; or away: it does not answer, or is locked; or broken: its files are gone,
it is another one, or gives too few rights. What is wrong, since when and what to do is told
below the table. Either is tried again by itself, and no job is paid or done on it meanwhile.`,
		Example: "  infernet wallet balance --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var out walletBalance
			if out.Wallets, err = c.Wallets(cmd.Context()); err != nil {
				return err
			}
			if out.Peers, err = c.Balances(cmd.Context()); err != nil {
				return err
			}
			return a.emit(out, func() {
				a.showWallets(out.Wallets)
				if len(out.Peers) > 0 {
					a.printf("")
				}
				a.showBalances(out.Peers)
			})
		},
	}
}

// inUnit is human for a number whose unit stands elsewhere.
func inUnit(n uint64, unit string) string {
	return human(api.Amount{Amount: n, Unit: unit})
}

// orDash is human, but for nothing of no unit.
func orDash(m api.Amount) string {
	if m.Unit == "" {
		return "-"
	}
	return human(m)
}

func (a *app) showWallets(ws []api.Wallet) {
	rows := make([][]string, 0, len(ws))
	for _, w := range ws {
		rows = append(rows, []string{
			foreign(w.Rail), foreign(w.State), foreign(w.Network), orDash(w.Spendable), orDash(w.Locked), orDash(w.OnChain),
			orDash(w.LeftToday), orDash(w.Exposure), orDash(w.OurExposure), orDash(w.Owing),
		})
	}
	a.table("RAIL STATE NETWORK SPENDABLE LOCKED ON-CHAIN LEFT-TODAY EXPOSURE OURS OWING", rows)
	for _, w := range ws {
		a.showTrouble(w)
		if w.Note != "" && w.Problem == "" {
			a.sayf("%s: %s", foreign(w.Rail), wholeWords(w.Note))
		}
		if w.Connected && w.PerDay.Amount == 0 {
			a.sayf("%s only receives: it has no ceiling to spend under; connect it again with --per-day", foreign(w.Rail))
		}
	}
}

// showTrouble tells why a wallet cannot be used, since when, and what to do.
func (a *app) showTrouble(w api.Wallet) {
	if w.Problem == "" {
		return
	}
	since := ""
	if w.SinceMS > 0 {
		since = " since " + clock(w.SinceMS)
	}
	a.sayf("%s is %s%s: %s", foreign(w.Rail), foreign(w.State), since, words(w.Problem))
	next := "no new job is paid or done on it meanwhile"
	if w.NextMS > 0 {
		next = "it is tried again at " + at(w.NextMS).Local().Format(time.TimeOnly) + "; " + next
	}
	a.sayf("  %s", next)
	if w.Hint != "" {
		a.sayf("  %s", wholeWords(w.Hint))
	}
}

func (a *app) showBalances(bs []api.Balance) {
	rows := make([][]string, 0, len(bs))
	for _, b := range bs {
		peer := "(all)"
		if b.Peer != "" {
			peer = short(b.Peer)
		}
		row := []string{foreign(b.Rail), peer}
		for _, n := range []uint64{b.Paid, b.Received, b.Held, b.Unknown, b.Exposure, b.OurExposure, b.Owing, b.Limit} {
			row = append(row, inUnit(n, b.Unit))
		}
		rows = append(rows, row)
	}
	a.table("RAIL PEER PAID RECEIVED HELD UNKNOWN EXPOSURE OURS OWING LIMIT", rows)
	for _, b := range bs {
		if b.Dispute != "" {
			a.sayf("%s with %s: the two sides' books differ: %s", foreign(b.Rail), short(b.Peer), words(b.Dispute))
		}
	}
}

func walletChannelsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "channels", Short: "list the channels that money is paid through",
		Example: "  infernet wallet channels",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Channels(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(all, func() { a.showChannels(all) })
		},
	}
}

func (a *app) showChannels(all []api.MoneyChannel) {
	rows := make([][]string, 0, len(all))
	for _, ch := range all {
		closes := "-"
		if ch.CloseMS > 0 {
			closes = clock(ch.CloseMS)
		}
		rows = append(rows, []string{
			foreign(ch.Rail), nameText(ch.ID), short(ch.Peer), foreign(ch.Role), foreign(ch.State),
			human(ch.Capacity), orDash(ch.Spent), human(ch.Left), closes,
		})
	}
	a.table("RAIL CHANNEL PEER ROLE STATE CAPACITY SPENT LEFT CLOSES", rows)
}

func walletOpenCmd(a *app) *cobra.Command {
	var req api.OpenRequest
	c := &cobra.Command{
		Use: "open PEER AMOUNT", Short: "open a channel to a peer",
		Long: `Open a channel to a peer and put AMOUNT into it. On polygon PEER is a provider's npub and the
amount is in USDC; jobs open such channels by themselves when they need them, of the size
given to "wallet connect polygon --deposit". On lightning PEER is pubkey@host:port and the
amount is in sat.`,
		Example: "  infernet wallet open npub1… '5 USDC'\n  infernet wallet open 02ab…@10.0.0.5:9735 '200000 sat'",
		Args:    args(2, 2, "PEER and AMOUNT"),
		RunE: func(cmd *cobra.Command, given []string) error {
			amount, err := money(given[1])
			if err != nil {
				return err
			}
			req.Peer, req.Amount = given[0], given[1]
			if req.Rail == "" {
				req.Rail = railOf(amount.Unit)
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			ch, err := c.Open(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.emit(ch, func() { a.showChannels([]api.MoneyChannel{ch}) })
		},
	}
	c.Flags().StringVar(&req.Rail, "rail", "", "lightning or polygon (default: by the amount's unit)")
	return c
}

func walletTopUpCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "topup CHANNEL AMOUNT", Short: "add to a channel",
		Example: "  infernet wallet topup 0x12ab… '5 USDC'",
		Args:    args(2, 2, "CHANNEL and AMOUNT"),
		RunE: func(cmd *cobra.Command, given []string) error {
			amount, err := money(given[1])
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			ch, err := c.TopUp(cmd.Context(), api.TopUpRequest{Rail: railOf(amount.Unit), Channel: given[0], Amount: given[1]})
			if err != nil {
				return err
			}
			return a.emit(ch, func() { a.showChannels([]api.MoneyChannel{ch}) })
		},
	}
}

func walletCloseCmd(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "close CHANNEL", Short: "close a channel and take out what is left",
		Long: `Close a channel. The other side is asked to agree, and then what is left comes back at
once. Of a polygon channel that pays this node, what its vouchers promise is taken out: its
payer alone can close it. With --force a channel is closed without asking: on polygon what
is left comes back after the channel's delay, in which the other side can take what it was
promised; on lightning after some hours or days, as the network's rules say.`,
		Example: "  infernet wallet close 0x12ab…",
		Args:    args(1, 1, "one CHANNEL"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			ch, err := c.Close(cmd.Context(), api.CloseRequest{Channel: given[0], Force: force})
			if err != nil {
				return err
			}
			return a.emit(ch, func() { a.showChannels([]api.MoneyChannel{ch}) })
		},
	}
	c.Flags().BoolVar(&force, "force", false, "do not ask the other side")
	return c
}

// money reads an amount as people write it.
func money(text string) (payments.Amount, error) {
	amount, err := payments.ParseHuman(text)
	if err == nil {
		return amount, nil
	}
	const hint = "write it with its unit: '5000 sat', '0.25 USDC', '100 credits'"
	number, unit, hasUnit := strings.Cut(strings.TrimSpace(text), " ")
	one, known := payments.ParseHuman("1 " + unit)
	switch {
	case strings.HasPrefix(number, "-"):
		return amount, failf(exitUsage, hint, "%.40q: an amount is not negative", text)
	case errors.Is(err, payments.ErrOverflow):
		return amount, failf(exitUsage, hint, "%.40q is too much", text)
	case !hasUnit:
		return amount, failf(exitUsage, hint, "%.40q has no unit", text)
	case known != nil:
		return amount, failf(exitUsage, hint, "%.40q: there is no unit %.20q", text, unit)
	case strings.Contains(number, "."):
		least := payments.Amount{Value: 1, Unit: one.Unit}
		return amount, failf(exitUsage, hint, "%.40q is no amount; the smallest step is %s", text, least.Human())
	}
	return amount, failf(exitUsage, hint, "%.40q is no amount", text)
}

// railOf is the rail that carries a unit.
func railOf(u payments.Unit) string {
	switch u {
	case payments.MilliSat:
		return "lightning"
	case payments.MicroUSDC:
		return "polygon"
	}
	return "credit"
}

func walletHistoryCmd(a *app) *cobra.Command {
	var rail string
	var csv bool
	c := &cobra.Command{
		Use: "history", Short: "list what moved on the rails themselves, newest first",
		Long: `List invoices paid and received, holds, and the fees of both; on Polygon also channels
opened, topped up, redeemed and closed, and their gas: the money that the many small payments of
"infernet payments list" come to. Opening and closing a Lightning channel moves the Lightning
node's own coins and is in its books: lncli listchaintxns.`,
		Example: "  infernet wallet history --rail lightning --csv > moved.csv",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Movements(cmd.Context(), rail)
			if err != nil {
				return err
			}
			if csv {
				return a.emitCSV(all, movementRows(all))
			}
			return a.emit(all, func() { a.showMovements(all) })
		},
	}
	c.Flags().StringVar(&rail, "rail", "", "only this rail")
	csvFlag(c, &csv)
	return c
}

func direction(out bool) string {
	if out {
		return "out"
	}
	return "in"
}

func (a *app) showMovements(all []api.Movement) {
	rows := make([][]string, 0, len(all))
	for _, m := range all {
		rows = append(rows, []string{
			clock(m.AtMS), foreign(m.Rail), foreign(m.Kind), direction(m.Out), short(m.Peer), human(m.Amount), foreign(m.State), words(m.Memo),
		})
	}
	a.table("TIME RAIL KIND DIRECTION PEER AMOUNT STATE MEMO", rows)
}

func movementRows(all []api.Movement) [][]string {
	rows := [][]string{{"time", "rail", "kind", "direction", "ref", "peer", "amount", "unit", "state", "memo"}}
	for _, m := range all {
		rows = append(rows, []string{
			stamp(m.AtMS), m.Rail, m.Kind, direction(m.Out), m.Ref, m.Peer,
			strconv.FormatUint(m.Amount.Amount, 10), m.Amount.Unit, m.State, m.Memo,
		})
	}
	return rows
}

// clock is a time for people, here; stamp one for programs, everywhere.
func clock(ms int64) string { return at(ms).Local().Format(time.DateTime) }
