package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func walletConnectCmd(a *app) *cobra.Command {
	return group("connect", "put money behind a rail", connectLightningCmd(a), connectPolygonCmd(a))
}

func connectLightningCmd(a *app) *cobra.Command {
	req := api.ConnectRequest{Rail: "lightning"}
	c := &cobra.Command{
		Use: "lightning", Short: "pay and be paid through a Lightning node",
		Long: `Connect a Lightning node: lnd over gRPC, or any wallet that speaks NOSTR Wallet Connect.
The node is asked who it is before anything is kept. Of lnd this wants a macaroon that may
make and look up invoices and pay, and no more; an admin macaroon works, is warned of, and
the command that bakes a smaller one is told.

Nothing is spent without a ceiling: --per-day bounds what leaves this node in any 24 hours.
To change it connect the same wallet again: it holds at once, and what was spent today counts.
A secret given as @FILE is read from that file and shows in no list of processes.`,
		Example: "  infernet wallet connect lightning --lnd 127.0.0.1:10009 --macaroon infernet.macaroon --tls tls.cert --per-day '20000 sat'\n" +
			"  infernet wallet connect lightning --nwc @wallet.txt --per-day '5000 sat'",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (req.LND == "") == (req.NWC == ""):
				return usagef("say which wallet: --lnd HOST:PORT with --macaroon and --tls, or --nwc URI")
			case req.LND != "" && (req.Macaroon == "" || req.TLS == ""):
				return usagef("lnd needs --macaroon FILE and --tls FILE beside --lnd")
			}
			return a.connect(cmd, req)
		},
	}
	f := c.Flags()
	f.StringVar(&req.LND, "lnd", "", "lnd's gRPC address, HOST:PORT")
	f.StringVar(&req.Macaroon, "macaroon", "", "file of the macaroon")
	f.StringVar(&req.TLS, "tls", "", "file of lnd's TLS certificate")
	f.StringVar(&req.NWC, "nwc", "", "nostr+walletconnect://… URI, or @FILE")
	perDay(c, &req.PerDay, "sat")
	return c
}

func connectPolygonCmd(a *app) *cobra.Command {
	req := api.ConnectRequest{Rail: "polygon"}
	c := &cobra.Command{
		Use: "polygon", Short: "pay and be paid in USDC on Polygon",
		Long: `Connect an account on Polygon (or Amoy, its test network, or a local chain). Payments go
through channels: USDC is put into the channels' contract once and promised bit by bit by
signed vouchers, which cost no gas.

The key is of an account that holds USDC and a little POL for gas. It is never the node's own
key; --clef names a remote signer to be asked instead. Two or three --rpc that agree are safer
than one. Nothing is spent without a ceiling: --per-day bounds what is put into channels and
signed away in any 24 hours. To change it, or --deposit, connect the same wallet again.

--contract is the contract that your peers use, too. Where nobody has put one on the network
yet, "infernet wallet deploy" does it, once for all. --coin-price is what a whole POL is taken
to cost: nobody is asked for it, and it decides nothing but how much a provider lets vouchers
add up before it redeems them (50 times the gas; a tenth of it at a shutdown; regardless of it
when a quarter of a channel's delay has passed, or its close was begun).`,
		Example: "  infernet wallet connect polygon --network amoy --rpc https://… --key usdc.key --contract 0x… --per-day '5 USDC'",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case len(req.RPC) == 0:
				return usagef("say where the chain is seen: --rpc URL (repeatable)")
			case (req.Key == "") == (req.Clef == ""):
				return usagef("say who signs: --key FILE, or --clef URL with --address 0x…")
			case req.Clef != "" && req.Address == "":
				return usagef("say which of the signer's accounts: --address 0x…")
			}
			return a.connect(cmd, req)
		},
	}
	f := c.Flags()
	f.StringVar(&req.Network, "network", "polygon", "polygon, amoy or local")
	f.StringSliceVar(&req.RPC, "rpc", nil, "URL of the chain's RPC (repeatable, at most 3)")
	f.StringVar(&req.Key, "key", "", "key file: hex, or encrypted as wallets do it")
	f.StringVar(&req.Password, "password", "", "of an encrypted key: @FILE")
	f.StringVar(&req.Clef, "clef", "", "remote signer's address instead of a key")
	f.StringVar(&req.Address, "address", "", "the remote signer's account")
	f.StringVar(&req.Contract, "contract", "", "address of the channels' contract")
	f.StringVar(&req.Token, "token", "", "address of the token, on a local chain")
	f.StringVar(&req.CoinPrice, "coin-price", "", "what a whole coin of the chain costs, to price gas (default '0.3 USDC')")
	f.StringVar(&req.Deposit, "deposit", "2 USDC", "what a channel is opened with when a job needs one")
	perDay(c, &req.PerDay, "USDC")
	return c
}

func perDay(c *cobra.Command, to *string, unit string) {
	c.Flags().StringVar(to, "per-day", "", "most that may be spent in 24 hours, in "+unit+" (none: only receive)")
}

// connect hands the request over with all paths whole, since the node stands in
// another folder, and with secrets read from their files.
func (a *app) connect(cmd *cobra.Command, req api.ConnectRequest) error {
	for _, path := range []*string{&req.Macaroon, &req.TLS, &req.Key} {
		if *path == "" {
			continue
		}
		whole, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = whole
	}
	for _, secret := range []*string{&req.NWC, &req.Password} {
		file, ok := strings.CutPrefix(*secret, "@")
		if !ok {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("the file after @: %w", err)
		}
		*secret = strings.TrimSpace(string(raw))
	}
	for flag, amount := range map[string]string{"per-day": req.PerDay, "deposit": req.Deposit} {
		if amount == "" {
			continue
		}
		if _, err := money(amount); err != nil {
			return fmt.Errorf("--%s: %w", flag, err)
		}
	}
	c, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	w, err := c.Connect(cmd.Context(), req)
	if err != nil {
		return err
	}
	return a.emit(w, func() {
		a.showWallets([]api.Wallet{w})
		// Said here, where it can be followed, and not at every look at the money.
		if w.Advice != "" {
			a.sayf("%s: %s", foreign(w.Rail), wholeWords(w.Advice))
		}
	})
}
