package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln/nwc"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/polygon/chain"
)

// joinWallets has the rails join whose wallets were connected earlier. One that
// cannot be opened is no reason for the node not to run: its keeper tries again.
func (n *Node) joinWallets(ctx context.Context) error {
	n.wallets = newWallets()
	w, err := loadWallets(n.cfg.Home)
	if err != nil {
		return err
	}
	for _, k := range n.wallets.keepers {
		conf := w.of(k.rail)
		if conf == nil {
			continue
		}
		n.rails.SetAway(k.rail, true) // until it was looked at
		k.use(conf, nil)
		// A signer that is asked for its version may not answer, which must not
		// keep the node from starting.
		opening, cancel := context.WithTimeout(ctx, walletPatience)
		_, err := n.opened(opening, k)
		cancel()
		if err != nil {
			k.note(err, time.Now())
			n.log.Error("a wallet cannot be opened; it is tried again", "rail", k.rail, "err", err)
		}
	}
	n.warnOfPrices()
	return nil
}

// warnOfPrices tells of prices that nobody can pay, for want of a wallet.
func (n *Node) warnOfPrices() {
	if !n.cfg.works() {
		return
	}
	for unit := range n.cfg.rates() {
		rail := job.RailOf(unit)
		if k := n.wallets.of(rail); k != nil && k.connected() {
			continue // its wallet is told of by itself
		}
		if rail == "" || !slices.Contains(n.rails.Names(), rail) {
			n.log.Warn("there is a price in this unit and no wallet for it: infernet wallet connect "+rail, "unit", unit)
		}
	}
}

// connect checks what a request says by asking the wallet itself, keeps it for
// the next start and has the rail join. Of the wallet that is in use already it
// changes what may be spent, at once.
func (n *Node) connect(ctx context.Context, req api.ConnectRequest) error {
	n.connecting.Lock()
	defer n.connecting.Unlock()
	kept, err := loadWallets(n.cfg.Home)
	if err != nil {
		return err
	}
	k := n.wallets.of(req.Rail)
	if k == nil {
		return api.Errorf(api.CodeBadRequest, "lightning or polygon", "rail %.80q has no wallets", req.Rail)
	}
	conf, err := confOf(ctx, req)
	if err != nil {
		return err
	}
	kept.put(conf)
	asking, cancel := context.WithTimeout(ctx, walletPatience)
	defer cancel()
	old, back := k.has()
	if err := n.leaves(old, conf); err != nil {
		return err
	}
	if back != nil && conf.same(old) {
		return n.reallow(asking, k, kept, conf)
	}
	rail, fresh, err := conf.open(asking, n)
	if err != nil {
		return connectError(req.Rail, err)
	}
	err = fresh.check(asking)
	if err != nil || back != nil {
		fresh.shut()
	}
	if err != nil {
		return connectError(req.Rail, err)
	}
	if err := saveWallets(n.cfg.Home, kept); err != nil {
		return err
	}
	if back != nil {
		return api.Errorf(api.CodeConflict, "start the node again to use it: infernet stop, then start it as before",
			"the wallet is right and was kept, but rail %s runs with the one it has, and that one's ceiling, until the next start", req.Rail)
	}
	if err := n.rails.Add(rail); err != nil {
		return err
	}
	k.use(conf, fresh)
	n.noted(k, nil)
	return nil
}

// reallow changes what may be spent of a wallet that is in use. What was spent
// today goes on counting.
func (n *Node) reallow(ctx context.Context, k *keeper, kept walletFile, conf walletConf) error {
	_, back := k.has()
	var kerr error
	err := back.allow(ctx, conf, func() error {
		kerr = saveWallets(n.cfg.Home, kept)
		return kerr
	})
	if kerr != nil {
		return kerr // of this node's disk, not of the wallet
	}
	if err != nil {
		return connectError(k.rail, err)
	}
	k.use(conf, back)
	n.noted(k, nil)
	return nil
}

// confOf reads a request; Lightning's wallet is asked which network it is on.
func confOf(ctx context.Context, req api.ConnectRequest) (walletConf, error) {
	if req.Rail == polygon.Name {
		return polygonOf(req)
	}
	w, err := lightningOf(req)
	if err != nil {
		return nil, err
	}
	if w.Network, err = networkOf(ctx, w); err != nil {
		return nil, connectError(req.Rail, err)
	}
	return w, nil
}

func lightningOf(req api.ConnectRequest) (lightningWallet, error) {
	w := lightningWallet{LND: req.LND, Macaroon: req.Macaroon, TLS: req.TLS, NWC: req.NWC}
	if (w.LND == "") == (w.NWC == "") {
		return w, api.Errorf(api.CodeBadRequest, "", "name an lnd or a wallet behind NWC, one of them")
	}
	if w.NWC != "" {
		if _, err := nwc.Parse(w.NWC); err != nil {
			why := plainWords(err)
			if _, what, ok := strings.Cut(why, "&secret=HEX): "); ok {
				why = what
			}
			if !strings.HasPrefix(w.NWC, "nostr+walletconnect:") {
				why = "it does not begin with nostr+walletconnect://"
			}
			return w, api.Errorf(api.CodeBadRequest,
				"the wallet's app makes one under Connections or NOSTR Wallet Connect: nostr+walletconnect://KEY?relay=wss://RELAY&secret=SECRET, with 64 hex digits each for KEY and SECRET",
				"this is no connection to a wallet: %s", why)
		}
	}
	var err error
	w.PerDay, err = ceilingOf("per-day", req.PerDay, payments.MilliSat)
	return w, badRequest(err)
}

// defaultGasPerDay bounds what is spent on gas where nothing else is said, in
// 10^-9 of the chain's coin: half a POL is some hundred transactions.
const defaultGasPerDay = 500_000_000

func polygonOf(req api.ConnectRequest) (polygonWallet, error) {
	w := polygonWallet{
		Network: req.Network, RPC: req.RPC, Key: req.Key, Password: req.Password, Clef: req.Clef, Address: req.Address,
		Contract: req.Contract, Token: req.Token, GasPerDay: defaultGasPerDay,
	}
	var errs [3]error
	w.PerDay, errs[0] = ceilingOf("per-day", req.PerDay, payments.MicroUSDC)
	w.Deposit, errs[1] = ceilingOf("deposit", req.Deposit, payments.MicroUSDC)
	w.CoinPrice, errs[2] = ceilingOf("coin-price", req.CoinPrice, payments.MicroUSDC)
	if req.Contract == "" {
		return w, api.Errorf(api.CodeBadRequest, "name the one that your peers use: --contract 0x…; where there is none, infernet wallet deploy --network "+req.Network+" puts one there, once for all",
			"there is no contract of channels that everybody uses on %s yet", req.Network)
	}
	for flag, address := range map[string]string{"contract": req.Contract, "token": req.Token, "address": req.Address} {
		if address != "" && !common.IsHexAddress(address) {
			return w, api.Errorf(api.CodeBadRequest, "an address is 0x and 40 hex digits", "%s: %.80q is no address", flag, address)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return w, badRequest(err)
	}
	deposit, most := payments.Amount{Value: w.Deposit, Unit: payments.MicroUSDC}, payments.Amount{Value: w.PerDay, Unit: payments.MicroUSDC}
	if w.PerDay > 0 && (w.Deposit == 0 || w.Deposit > w.PerDay) {
		return w, api.Errorf(api.CodeBadRequest, "choose --deposit between nothing and --per-day",
			"channels are opened with %s each, and %s may be spent in a day: none could be", deposit.Human(), most.Human())
	}
	return w, nil
}

func badRequest(err error) error {
	if err == nil {
		return nil
	}
	return api.Errorf(api.CodeBadRequest, "write it with its unit: 5000 sat, 2 USDC", "%v", err)
}

// connectError tells why a wallet cannot be used: nothing was kept.
func connectError(rail string, err error) error {
	var coded *api.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		where := "name a file that is there"
		if rail == lightning.Name {
			where = "lnd has tls.cert in its own folder (~/.lnd) and macaroons in data/chain/bitcoin/NETWORK there"
		}
		return api.Errorf(api.CodeNotFound, "nothing was kept; "+where, "%s", plainWords(err))
	case errors.Is(err, chain.ErrConfig):
		return api.Errorf(api.CodeBadRequest, "nothing was kept; infernet wallet connect "+rail+" --help", "%s", plainWords(err))
	}
	return api.Errorf(api.CodeRefused, "nothing was kept; try again when this is mended", "the wallet cannot be used: %s", plainWords(err))
}

// unpaid is told of a peer that has owed for too long: a client that does not
// pay is refused more work by the rail itself; the log tells its owner.
func (n *Node) unpaid(peer identity.PubKey, refs []payments.Ref, why string) {
	n.log.Warn("a peer does not pay", "peer", peer.Short(), "payments", len(refs), "why", why)
	if err := n.reportUnpaid(peer, refs, why); err != nil {
		n.log.Error("keep that a peer does not pay", "peer", peer.Short(), "err", err)
	}
}

// reportUnpaid keeps a bad receipt about a payer for each ref that the provider
// role knows what it was for.
func (n *Node) reportUnpaid(peer identity.PubKey, refs []payments.Ref, why string) error {
	var errs []error
	for _, ref := range refs {
		if err := n.work.Unpaid(peer, ref, time.Now()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", ref, err))
		}
	}
	return errors.Join(errs...)
}
