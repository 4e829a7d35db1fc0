package node

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd"
	"infernet.tech/infernet/payments/lightning/ln/nwc"
	"infernet.tech/infernet/store"
)

// walletPatience is how long a wallet that is looked at may take to answer.
const walletPatience = 10 * time.Second

// lightningBack is the Lightning node behind the rail.
type lightningBack struct {
	conf   lightningWallet
	rail   *lightning.Rail
	node   ln.Node
	perDay *ceiling.Daily
}

// openLightning composes the rail; it asks nobody, so that a node starts while
// its wallet is away.
func (n *Node) openLightning(ctx context.Context, w lightningWallet) (*lightningBack, error) {
	place := "lightning/"
	if w.Network != "" { // what was owed on a test network is never paid with money
		place += "on/" + w.Network + "/"
	}
	own, log := store.Prefix(n.db, place), n.log.With("in", "lightning")
	b := &lightningBack{conf: w, perDay: ceiling.New(own, payments.MilliSat, w.PerDay, time.Now)}
	var err error
	if b.node, err = openDriver(w); err != nil {
		return nil, err
	}
	b.rail, err = lightning.New(lightning.Default(), lightning.Deps{
		Key: n.key, Dial: n.dialPay, Node: b.node, Store: own, Ceiling: b.perDay, Clock: time.Now, Log: log, Unpaid: n.unpaid,
	})
	return b, err
}

// networkOf asks the wallet which network it is on: a short word, or nothing.
func networkOf(ctx context.Context, w lightningWallet) (string, error) {
	d, err := openDriver(w)
	if err != nil {
		return "", err
	}
	if c, ok := d.(io.Closer); ok {
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, walletPatience)
	defer cancel()
	info, err := d.Info(ctx)
	if err != nil {
		return "", err
	}
	if payments.Ref(info.Network).Validate() != nil || len(info.Network) > 32 || strings.Contains(info.Network, "/") {
		return "", nil
	}
	return info.Network, nil
}

func openDriver(w lightningWallet) (ln.Node, error) {
	if w.NWC != "" {
		conf, err := nwc.Parse(w.NWC)
		if err != nil {
			return nil, err
		}
		return nwc.New(conf)
	}
	conf, err := lnd.Load(w.LND, w.TLS, w.Macaroon)
	if err != nil {
		return nil, err
	}
	return lnd.New(conf)
}

// wanted is what the rail asks of its wallet.
func (b *lightningBack) wanted() ln.Ability {
	want := ln.CanReceive | ln.CanBalance
	if b.conf.NWC == "" { // wallets behind NWC may do without these
		want |= ln.CanHold | ln.CanChannels
	}
	if b.conf.PerDay > 0 {
		want |= ln.CanPay
	}
	return want
}

// macaroonName is what the macaroon is called in the command that bakes one.
const macaroonName = "infernet.macaroon"

// check asks the wallet who it is and whether it gives us what is needed.
func (b *lightningBack) check(ctx context.Context) error {
	info, err := b.node.Info(ctx)
	if err != nil {
		return err
	}
	if want := b.wanted(); info.Can&want != want {
		hint := "make a connection with more rights in the wallet"
		if b.conf.NWC == "" {
			hint = "bake a macaroon that does: " + lnd.BakeCommand(want, macaroonName)
		}
		return api.Errorf(api.CodeRefused, hint, "the wallet does not allow all that is needed")
	}
	return nil
}

// note warns of a macaroon that a thief would like.
func (b *lightningBack) note() string {
	n, ok := b.node.(*lnd.Node)
	if !ok {
		return ""
	}
	rights := n.Rights()
	switch {
	case rights.Admin():
		return "the macaroon allows everything; a smaller one does: " + lnd.BakeCommand(b.wanted()|ln.CanOpen, macaroonName)
	case len(rights.Excess(b.wanted()|ln.CanOpen)) > 0:
		return "the macaroon allows more than is needed: " + strings.Join(rights.Excess(b.wanted()|ln.CanOpen), ", ")
	}
	return ""
}

func (b *lightningBack) spends() bool { return b.conf.PerDay > 0 }

func (b *lightningBack) driver() string {
	if b.conf.NWC != "" {
		return "nwc"
	}
	return "lnd"
}

func (b *lightningBack) view(ctx context.Context) api.Wallet {
	ctx, cancel := context.WithTimeout(ctx, walletPatience)
	defer cancel()
	msat := func(n uint64) api.Amount { return api.Amount{Amount: n, Unit: string(payments.MilliSat)} }
	v := api.Wallet{State: "ready", Driver: b.driver(), Note: b.note(), PerDay: amountView(b.perDay.PerDay())}
	left, err := b.perDay.Left(ctx)
	if err == nil {
		v.LeftToday = amountView(left)
	}
	info, err := b.node.Info(ctx)
	if err != nil {
		v.State = "down: " + err.Error()
		return v
	}
	v.Network, v.Account = info.Network, info.PubKey.String()
	if !info.Synced {
		v.State = "not in step with the chain"
	}
	have, err := b.node.Balance(ctx)
	if err != nil {
		v.State = "down: " + err.Error()
		return v
	}
	v.Spendable, v.Receivable, v.Locked = msat(have.LocalMsat), msat(have.RemoteMsat), msat(have.HeldMsat)
	v.OnChain = msat(have.OnChainSat * 1000)
	return v
}

func (b *lightningBack) channels(ctx context.Context) ([]api.MoneyChannel, error) {
	all, err := b.node.Channels(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.MoneyChannel, 0, len(all))
	for _, c := range all {
		out = append(out, lightningChannelView(c))
	}
	return out, nil
}

func lightningChannelView(c ln.Channel) api.MoneyChannel {
	msat := func(n uint64) api.Amount { return api.Amount{Amount: n, Unit: string(payments.MilliSat)} }
	v := api.MoneyChannel{
		Rail: lightning.Name, ID: c.Point.String(), Peer: c.Peer.String(), Role: "both", State: string(c.State),
		Capacity: msat(c.CapacitySat * 1000), Left: msat(c.LocalMsat), Redeemed: msat(0),
	}
	if c.HTLCs > 0 {
		v.Detail = fmt.Sprintf("%d payments on their way", c.HTLCs)
	}
	if !c.Active && c.State == ln.ChannelOpen {
		v.State += ", peer away"
	}
	return v
}

// open funds a channel to pubkey@host:port. A provider's npub says nothing of
// where its Lightning node is.
func (b *lightningBack) open(ctx context.Context, peer string, amount payments.Amount) (api.MoneyChannel, error) {
	const hint = "lncli getinfo shows the uri of a node: pubkey@host:port"
	if _, err := identity.ParsePubKey(peer); err == nil {
		return api.MoneyChannel{}, api.Errorf(api.CodeBadRequest, hint, "a channel of Lightning is opened to a Lightning node, not to an npub")
	}
	key, host, _ := strings.Cut(peer, "@")
	to, err := ln.ParsePubKey(key)
	if err != nil {
		return api.MoneyChannel{}, api.Errorf(api.CodeBadRequest, hint, "peer: %v", err)
	}
	if amount.Value%1000 != 0 {
		return api.MoneyChannel{}, api.Errorf(api.CodeBadRequest, "", "a channel holds whole sat, not %s", amount.Human())
	}
	point, err := b.node.OpenChannel(ctx, ln.OpenSpec{Peer: to, Address: host, CapacitySat: amount.Value / 1000})
	if err != nil {
		return api.MoneyChannel{}, err
	}
	return b.channel(ctx, point.String())
}

// topUp: channels of Lightning keep the size they were opened with.
func (b *lightningBack) topUp(context.Context, string, payments.Amount) (api.MoneyChannel, error) {
	return api.MoneyChannel{}, api.Errorf(api.CodeRefused, "open a second one: infernet wallet open pubkey@host:port AMOUNT",
		"a channel of Lightning cannot be topped up")
}

func (b *lightningBack) close(ctx context.Context, channel string, force bool) (api.MoneyChannel, error) {
	point, err := ln.ParseChannelPoint(channel)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	before, err := b.channel(ctx, channel)
	if err != nil {
		return before, err
	}
	if err := b.node.CloseChannel(ctx, point, force); err != nil {
		return before, err
	}
	before.State = string(ln.ChannelClosing)
	return before, nil
}

func (b *lightningBack) channel(ctx context.Context, id string) (api.MoneyChannel, error) {
	all, err := b.node.Channels(ctx)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	for _, c := range all {
		if c.Point.String() == id {
			return lightningChannelView(c), nil
		}
	}
	return api.MoneyChannel{}, api.Errorf(api.CodeNotFound, "infernet wallet channels lists them", "no channel %.80q", id)
}
