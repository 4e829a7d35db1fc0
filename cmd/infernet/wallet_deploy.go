package main

import (
	"context"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/deploy"
)

// deployed is what "wallet deploy" prints as JSON.
type deployed struct {
	Network  string `json:"network"`
	Account  string `json:"account"`
	Contract string `json:"contract"` // where it is, or would be
	Token    string `json:"token"`
	MinDelay uint64 `json:"min_delay_s"`
	Most     string `json:"most"` // that it costs, in whole coins
	Sent     bool   `json:"sent"`
	Tx       string `json:"tx,omitempty"`
	Paid     string `json:"paid,omitempty"` // in whole coins
}

// deployOrder is what the flags say.
type deployOrder struct {
	network, rpc, key, password, token, most string
	delay                                    time.Duration
}

func walletDeployCmd(a *app) *cobra.Command {
	var o deployOrder
	c := &cobra.Command{
		Use: "deploy", Short: "put the contract of channels on a chain that has none",
		Long: `Put the contract that payment channels live in on a chain. One contract serves everybody on
that chain, for ever: it has no owner, takes no fee, cannot be paused or changed, and whoever
deployed it has no right over it. So ask first whether your peers use one already.

Without --max-cost nothing is sent: what it would cost at most and where the contract would be
is shown. With it, in whole coins of the chain, the transaction is sent if it costs no more,
waited for until it is final, and the code on the chain is compared with the one in here.

The key is of any account with a little of the chain's coin; it need not be your wallet's.`,
		Example: "  infernet wallet deploy --network amoy --rpc https://… --key gas.key\n" +
			"  infernet wallet deploy --network amoy --rpc https://… --key gas.key --max-cost 0.2",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.rpc == "" || o.key == "" {
				return usagef("say where the chain is seen and who pays: --rpc URL and --key FILE")
			}
			return a.deploy(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.network, "network", "polygon", "polygon, amoy or local")
	f.StringVar(&o.rpc, "rpc", "", "URL of the chain's RPC")
	f.StringVar(&o.key, "key", "", "key file: hex, or encrypted as wallets do it")
	f.StringVar(&o.password, "password", "", "of an encrypted key: @FILE")
	f.StringVar(&o.token, "token", "", "address of the token (default: the network's USDC)")
	f.DurationVar(&o.delay, "min-delay", time.Hour, "the shortest delay that a channel can have")
	f.StringVar(&o.most, "max-cost", "", "most that may be spent, in whole coins, such as 0.2 (none: only show)")
	return c
}

func (a *app) deploy(ctx context.Context, o deployOrder) error {
	profile, err := chain.ProfileByName(o.network)
	if err != nil {
		return usagef("%v", err)
	}
	cfg := deploy.Config{Profile: profile, RPC: o.rpc, MinDelay: o.delay}
	if o.token != "" {
		if !common.IsHexAddress(o.token) {
			return usagef("--token: %.80q is no address", o.token)
		}
		cfg.Token = common.HexToAddress(o.token)
	}
	most, err := weiOf(o.most)
	if err != nil {
		return err
	}
	key, err := chain.OpenKey(o.key, func() (string, error) {
		if o.password == "" {
			return "", usagef("the key is encrypted: give its password with --password @FILE")
		}
		return secretOf(o.password)
	})
	if err != nil {
		return err
	}
	d, err := deploy.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	p, err := d.Plan(ctx, key.Address())
	if err != nil {
		return err
	}
	out := deployed{
		Network: profile.Name, Account: p.Account.Hex(), Contract: p.Contract.Hex(), Token: p.Token.Hex(),
		MinDelay: p.MinDelay, Most: coins(p.Most()),
	}
	if most != nil {
		if p.Most().Cmp(most) > 0 {
			return failf(exitRefused, "wait until gas is cheaper, or raise --max-cost", "it can cost %s coins, --max-cost is %s: nothing was sent", out.Most, o.most)
		}
		a.sayf("sending; the contract will be at %s", out.Contract)
		got, err := d.Do(ctx, p, key)
		if err != nil {
			return err
		}
		out.Sent, out.Tx, out.Paid = true, got.Tx.Hex(), coins(got.Paid)
	}
	return a.emit(out, func() { a.showDeployed(out) })
}

func (a *app) showDeployed(d deployed) {
	if !d.Sent {
		a.printf("a contract for token %s would be at %s", d.Token, d.Contract)
		a.printf("it would cost %s coins at most, paid by %s; nothing was sent", d.Most, d.Account)
		a.printf("to do it: the same with --max-cost %s", d.Most)
		return
	}
	a.printf("the contract is at %s (transaction %s, %s coins)", d.Contract, d.Tx, d.Paid)
	a.printf("to use it: infernet wallet connect polygon --network %s --contract %s …", d.Network, d.Contract)
}

// secretOf is a secret given as it is, or as @FILE.
func secretOf(text string) (string, error) {
	file, ok := strings.CutPrefix(text, "@")
	if !ok {
		return text, nil
	}
	raw, err := os.ReadFile(file)
	return strings.TrimSpace(string(raw)), err
}

// weiDigits are those of a whole coin after the point.
const weiDigits = 18

// weiOf reads whole coins, such as 0.2, exactly; nothing is nil.
func weiOf(text string) (*big.Int, error) {
	if text == "" {
		return nil, nil
	}
	whole, part, _ := strings.Cut(text, ".")
	digits := whole + part + strings.Repeat("0", max(0, weiDigits-len(part)))
	wei, ok := new(big.Int).SetString(digits, 10)
	if !ok || wei.Sign() < 0 || len(part) > weiDigits || len(digits) > 40 || strings.Trim(digits, "0123456789") != "" {
		return nil, usagef("--max-cost: %.40q is no number of coins, such as 0.2", text)
	}
	return wei, nil
}

// coins are wei in whole coins, rounded up to a millionth.
func coins(wei *big.Int) string {
	step := new(big.Int).Exp(big.NewInt(10), big.NewInt(weiDigits-6), nil)
	micro, rest := new(big.Int).QuoRem(wei, step, new(big.Int))
	if rest.Sign() > 0 {
		micro.Add(micro, big.NewInt(1))
	}
	whole, part := new(big.Int).QuoRem(micro, big.NewInt(1_000_000), new(big.Int))
	return strings.TrimRight(strings.TrimRight(whole.String()+"."+sixDigits(part), "0"), ".")
}

func sixDigits(n *big.Int) string {
	s := n.String()
	return strings.Repeat("0", 6-len(s)) + s
}
