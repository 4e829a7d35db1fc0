package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd"
	"infernet.tech/infernet/payments/lightning/ln/nwc"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/store"
)

// walletPatience is how long a wallet that is looked at may take to answer.
const walletPatience = 10 * time.Second

// lightningBack is the Lightning node behind the rail.
type lightningBack struct {
	conf   atomic.Pointer[lightningWallet]
	rail   *lightning.Rail
	node   ln.Node
	perDay *ceiling.Daily
}

var (
	_ wallet     = (*lightningBack)(nil)
	_ walletConf = lightningWallet{}
)

func (w lightningWallet) open(ctx context.Context, n *Node) (rails.Rail, wallet, error) {
	b, err := n.openLightning(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	return b.rail, b, nil
}

func (w lightningWallet) same(other walletConf) bool {
	o, ok := other.(lightningWallet)
	o.PerDay = w.PerDay
	return ok && o == w
}

func (w lightningWallet) again() string {
	c := "infernet wallet connect lightning"
	if w.NWC != "" {
		c += " --nwc @FILE"
	} else {
		c += " --lnd " + w.LND + " --macaroon " + shellWord(w.Macaroon) + " --tls " + shellWord(w.TLS)
	}
	return c + perDayFlag(w.PerDay, payments.MilliSat)
}

// shellWord is a word as a shell reads it back.
func shellWord(s string) string {
	if !strings.ContainsAny(s, " \t'\"\\$&;|<>()*?`#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// perDayFlag is the ceiling as a command has it.
func perDayFlag(value uint64, unit payments.Unit) string {
	if value == 0 {
		return ""
	}
	return " --per-day '" + payments.Amount{Value: value, Unit: unit}.Human() + "'"
}

func (w lightningWallet) outline() api.Wallet {
	v := api.Wallet{Driver: "lnd", Network: w.Network, PerDay: amountView(payments.Amount{Value: w.PerDay, Unit: payments.MilliSat})}
	if w.NWC != "" {
		v.Driver = "nwc"
	}
	return v
}

// gone names the first of the files that is not there any more: the next start
// would miss it.
func (w lightningWallet) gone() string { return firstGone(w.Macaroon, w.TLS) }

func firstGone(files ...string) string {
	for _, file := range files {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return file + " is gone: this node still has what was in it, its next start will not"
		}
	}
	return ""
}

// openLightning composes the rail; it asks nobody, so that a node starts while
// its wallet is away.
func (n *Node) openLightning(ctx context.Context, w lightningWallet) (*lightningBack, error) {
	place := "lightning/"
	if w.Network != "" { // what was owed on a test network is never paid with money
		place += "on/" + w.Network + "/"
	}
	own, log := store.Prefix(n.db, place), n.log.With("in", "lightning")
	b := &lightningBack{perDay: ceiling.New(own, payments.MilliSat, w.PerDay, time.Now)}
	b.conf.Store(&w)
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
func (w lightningWallet) wanted() ln.Ability {
	want := ln.CanReceive | ln.CanBalance
	if w.NWC == "" { // wallets behind NWC may do without these
		want |= ln.CanHold | ln.CanChannels
	}
	if w.PerDay > 0 {
		want |= ln.CanPay
	}
	return want
}

// macaroonName is what the macaroon is called in the command that bakes one.
const macaroonName = "infernet.macaroon"

func (b *lightningBack) check(ctx context.Context) error { return b.checkFor(ctx, *b.conf.Load()) }

// checkFor asks the wallet who it is and whether it gives us what is needed.
func (b *lightningBack) checkFor(ctx context.Context, w lightningWallet) error {
	info, err := b.node.Info(ctx)
	if err != nil {
		return err
	}
	if want := w.wanted(); info.Can&want != want {
		hint := "make a connection with more rights in the wallet"
		if w.NWC == "" {
			hint = "bake a macaroon that does: " + lnd.BakeCommand(want, macaroonName)
		}
		return api.Errorf(api.CodeRefused, hint, "the wallet does not allow all that is needed")
	}
	return nil
}

// note tells of files that are gone.
func (b *lightningBack) note() string {
	if _, ok := b.node.(*lnd.Node); !ok {
		return ""
	}
	return b.conf.Load().gone()
}

// advice warns of a macaroon that a thief would like, and of what a wallet behind
// NWC cannot be held to.
func (b *lightningBack) advice() string {
	if other, ok := b.node.(*nwc.Node); ok {
		return other.Note()
	}
	n, ok := b.node.(*lnd.Node)
	if !ok {
		return ""
	}
	rights, want := n.Rights(), b.conf.Load().wanted()|ln.CanOpen
	switch {
	case rights.Admin():
		return "the macaroon allows everything; a smaller one does: " + lnd.BakeCommand(want, macaroonName)
	case len(rights.Excess(want)) > 0:
		return "the macaroon allows more than is needed: " + strings.Join(rights.Excess(want), ", ")
	}
	return ""
}

func (b *lightningBack) spends() bool { return b.conf.Load().PerDay > 0 }

func (b *lightningBack) allow(ctx context.Context, conf walletConf, keep func() error) error {
	w, ok := conf.(lightningWallet)
	if !ok {
		return fmt.Errorf("%T is no wallet of %s", conf, lightning.Name)
	}
	if err := b.checkFor(ctx, w); err != nil {
		return err
	}
	if err := keep(); err != nil {
		return err
	}
	b.conf.Store(&w)
	b.perDay.Set(w.PerDay)
	return nil
}

func (b *lightningBack) shut() {
	if c, ok := b.node.(io.Closer); ok {
		_ = c.Close() // nothing was asked through it that is not answered
	}
}

func (b *lightningBack) view(ctx context.Context) (api.Wallet, error) {
	msat := func(n uint64) api.Amount { return api.Amount{Amount: n, Unit: string(payments.MilliSat)} }
	v := b.conf.Load().outline()
	v.Note, v.Advice, v.PerDay = b.note(), b.advice(), amountView(b.perDay.PerDay())
	left, err := b.perDay.Left(ctx)
	if err != nil {
		return v, err
	}
	v.LeftToday = amountView(left)
	info, err := b.node.Info(ctx)
	if err != nil {
		return v, err
	}
	v.Network, v.Account = info.Network, info.PubKey.String()
	if !info.Synced && v.Note == "" {
		v.Note = "it is not in step with the chain yet"
	}
	have, err := b.node.Balance(ctx)
	if err != nil {
		return v, err
	}
	v.Spendable, v.Receivable, v.Locked = msat(have.LocalMsat), msat(have.RemoteMsat), msat(have.HeldMsat)
	v.OnChain = msat(have.OnChainSat * 1000)
	return v, nil
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
	c, err := b.find(ctx, channel)
	if err == nil {
		err = closable(c, force)
	}
	if err != nil {
		return api.MoneyChannel{}, err
	}
	if err := b.node.CloseChannel(ctx, point, force); err != nil {
		return lightningChannelView(c), err
	}
	if c.State = ln.ChannelClosing; force {
		c.State = ln.ChannelForced
	}
	return lightningChannelView(c), nil
}

// closable says why a channel cannot be closed now. Some of it a Lightning node
// would call a peer that is offline, whatever the reason, and advise force.
func closable(c ln.Channel, force bool) error {
	id := c.Point.String()
	switch {
	case c.State == ln.ChannelForced, c.State == ln.ChannelClosing && !force:
		return api.Errorf(api.CodeConflict, "infernet wallet channels lists it until the chain has confirmed that",
			"channel %s is %s already", id, c.State)
	case force:
		return nil
	case c.State == ln.ChannelOpening:
		return api.Errorf(api.CodeConflict, "wait until infernet wallet channels shows it as open", "channel %s is opening", id)
	case c.HTLCs > 0:
		return api.Errorf(api.CodeConflict, "try again when they have ended, or close it without waiting: infernet wallet close --force "+id,
			"payments are on their way over channel %s: %d", id, c.HTLCs)
	case !c.Active:
		return api.Errorf(api.CodeConflict, "try again when it is back, or close it without asking: infernet wallet close --force "+id,
			"the other side of channel %s is away and cannot agree", id)
	}
	return nil
}

func (b *lightningBack) find(ctx context.Context, id string) (ln.Channel, error) {
	all, err := b.node.Channels(ctx)
	if err != nil {
		return ln.Channel{}, err
	}
	for _, c := range all {
		if c.Point.String() == id {
			return c, nil
		}
	}
	return ln.Channel{}, api.Errorf(api.CodeNotFound, "infernet wallet channels lists them", "no channel %.80q", id)
}

func (b *lightningBack) channel(ctx context.Context, id string) (api.MoneyChannel, error) {
	c, err := b.find(ctx, id)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	return lightningChannelView(c), nil
}
