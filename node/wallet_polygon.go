package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/ceiling"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/store"
)

// voucherKeyName is the key that signs vouchers: made by the node, worth no more
// than what its channels hold, and neither the node's nor the wallet's.
const voucherKeyName = "voucher.key"

// gasUnit is what gas is paid in here: 10^-9 of the chain's own coin.
const gasUnit payments.Unit = "gwei"

// maxLocked is how many deposits of the usual size may be locked in channels at
// a time.
const maxLocked = 64

// polygonBack is the account behind the polygon rail.
type polygonBack struct {
	conf   atomic.Pointer[polygonWallet]
	rail   *polygon.Rail
	client *chain.Client
	sender *chain.Sender
	signer chain.Signer
	perDay *ceiling.Daily
}

var (
	_ wallet     = (*polygonBack)(nil)
	_ walletConf = polygonWallet{}
)

func (w polygonWallet) open(ctx context.Context, n *Node) (rails.Rail, wallet, error) {
	b, err := n.openPolygon(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	return b.rail, b, nil
}

func (w polygonWallet) same(other walletConf) bool {
	o, ok := other.(polygonWallet)
	o.PerDay, o.Deposit, o.GasPerDay = w.PerDay, w.Deposit, w.GasPerDay
	return ok && reflect.DeepEqual(o, w)
}

func (w polygonWallet) again() string {
	c := "infernet wallet connect polygon --network " + w.Network
	for _, url := range w.RPC {
		c += " --rpc " + shellWord(url)
	}
	if w.Clef != "" {
		c += " --clef " + shellWord(w.Clef) + " --address " + w.Address
	} else {
		c += " --key " + shellWord(w.Key)
	}
	if w.Password != "" {
		c += " --password @FILE"
	}
	c += " --contract " + w.Contract
	if w.Token != "" {
		c += " --token " + w.Token
	}
	if w.CoinPrice > 0 {
		c += " --coin-price " + shellWord(payments.Amount{Value: w.CoinPrice, Unit: payments.MicroUSDC}.Human())
	}
	return c + perDayFlag(w.PerDay, payments.MicroUSDC)
}

func (w polygonWallet) outline() api.Wallet {
	v := api.Wallet{Driver: "key file", Network: w.Network, Account: w.Address, PerDay: amountView(payments.Amount{Value: w.PerDay, Unit: payments.MicroUSDC})}
	if w.Clef != "" {
		v.Driver = "clef"
	}
	return v
}

// limits bounds what is put into channels: a day as what is signed away is.
func (w polygonWallet) limits() polygon.Limits {
	if w.PerDay == 0 {
		return polygon.Limits{}
	}
	l := polygon.Limits{Deposit: min(w.Deposit, w.PerDay), DayLocked: w.PerDay}
	l.MaxLocked = min(l.Deposit, payments.MaxValue/maxLocked) * maxLocked
	return l
}

// openPolygon composes the rail; it asks nobody, so that a node starts while its
// chain cannot be seen.
func (n *Node) openPolygon(ctx context.Context, w polygonWallet) (*polygonBack, error) {
	profile, err := chain.ProfileByName(w.Network)
	if err != nil {
		return nil, err
	}
	if !common.IsHexAddress(w.Contract) {
		return nil, fmt.Errorf("contract: %.80q is no address", w.Contract)
	}
	log := n.log.With("in", "polygon")
	b := &polygonBack{}
	b.conf.Store(&w)
	if b.signer, err = n.polygonSigner(ctx, w); err != nil {
		return nil, err
	}
	own := store.Prefix(n.db, w.books())
	if err := keyHolds(own, b.signer.Address()); err != nil {
		b.shut()
		return nil, err
	}
	vouchers, err := n.voucherKey()
	if err != nil {
		return nil, err
	}
	if b.client, err = chain.Dial(ctx, chain.Config{Profile: profile, RPCs: w.RPC, Log: log}); err != nil {
		return nil, err
	}
	gasStore := store.Prefix(n.db, "polygon/tx/")
	gas := ceiling.New(gasStore, gasUnit, w.GasPerDay, time.Now)
	if b.sender, err = chain.NewSender(chain.SenderConfig{}, b.client, b.signer, gasStore, gas, time.Now, log); err != nil {
		return nil, err
	}
	b.perDay = ceiling.New(own, payments.MicroUSDC, w.PerDay, time.Now)
	conf := polygon.Default()
	conf.Contract, conf.MinDelay = common.HexToAddress(w.Contract), profile.MinDelay
	if w.Token != "" {
		conf.Token = common.HexToAddress(w.Token)
	}
	if profile.ChainID == chain.Local().ChainID { // a chain of one's own has no day to wait
		conf.Delay, conf.Poll, conf.Reconcile = 10*time.Second, 200*time.Millisecond, time.Second
	}
	if conf.CoinPrice = profile.CoinPrice; w.CoinPrice > 0 {
		conf.CoinPrice = w.CoinPrice
	}
	limits := w.limits()
	conf.Deposit, conf.DayLocked, conf.MaxLocked = limits.Deposit, limits.DayLocked, limits.MaxLocked
	b.rail, err = polygon.New(conf, polygon.Deps{
		Key: n.key, Store: own, Dial: n.dialPay, Client: b.client, Sender: b.sender, Wallet: b.signer,
		Voucher: vouchers, Ceiling: b.perDay, Clock: time.Now, Log: log, Unpaid: n.unpaid,
	})
	return b, err
}

// polygonSigner is the account's key, or the remote signer that has it.
func (n *Node) polygonSigner(ctx context.Context, w polygonWallet) (chain.Signer, error) {
	if w.Clef != "" {
		if !common.IsHexAddress(w.Address) {
			return nil, fmt.Errorf("address: %.80q is no address", w.Address)
		}
		return chain.DialClef(ctx, w.Clef, common.HexToAddress(w.Address))
	}
	return chain.OpenKey(w.Key, func() (string, error) {
		if w.Password == "" {
			return "", errors.New("the key is encrypted: give its password with --password @FILE")
		}
		return w.Password, nil
	}, n.key.PubKey())
}

// voucherKey opens the key for vouchers and makes it the first time.
func (n *Node) voucherKey() (chain.Signer, error) {
	path := n.cfg.path(voucherKeyName)
	k, err := chain.OpenKey(path, nil, n.key.PubKey())
	if errors.Is(err, fs.ErrNotExist) {
		return chain.CreateKey(path)
	}
	return k, err
}

// check asks the chain what it would be too late to find out at the first job.
func (b *polygonBack) check(ctx context.Context) error {
	if _, err := b.rail.Wallet(ctx); err != nil {
		return err
	}
	return b.rail.CheckContract(ctx)
}

func (b *polygonBack) spends() bool { return b.conf.Load().PerDay > 0 }

func (b *polygonBack) allow(ctx context.Context, conf walletConf, keep func() error) error {
	w, ok := conf.(polygonWallet)
	if !ok {
		return fmt.Errorf("%T is no wallet of %s", conf, polygon.Name)
	}
	if err := b.check(ctx); err != nil {
		return err
	}
	if err := b.rail.Limit(w.limits()); err != nil {
		return err
	}
	if err := keep(); err != nil {
		return errors.Join(err, b.rail.Limit(b.conf.Load().limits()))
	}
	b.conf.Store(&w)
	b.perDay.Set(w.PerDay)
	return nil
}

func (b *polygonBack) shut() {
	if b.client != nil {
		b.client.Close()
	}
	if c, ok := b.signer.(interface{ Close() }); ok {
		c.Close()
	}
}

func (b *polygonBack) view(ctx context.Context) (api.Wallet, error) {
	w, err := b.rail.Wallet(ctx)
	v := b.conf.Load().outline()
	v.Network, v.Account = w.Network, b.signer.Address().Hex()
	v.Spendable, v.Receivable, v.Locked = amountView(w.Locked), amountView(w.Due), amountView(w.Promised)
	v.PerDay, v.LeftToday = amountView(b.perDay.PerDay()), amountView(w.Left)
	risk, rerr := b.rail.AtRisk()
	v.Note = riskNote(risk)
	if gone := firstGone(b.conf.Load().Key); gone != "" {
		v.Note = gone
	}
	if !risk.Until.IsZero() {
		v.SafeUntilMS = risk.Until.UnixMilli()
	}
	if err = errors.Join(err, rerr); err == nil {
		v.OnChain = amountView(w.Held)
	}
	return v, err
}

func (b *polygonBack) channels(ctx context.Context) ([]api.MoneyChannel, error) {
	all, err := b.rail.Channels(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.MoneyChannel, 0, len(all))
	for _, c := range all {
		out = append(out, polygonChannelView(c))
	}
	return out, nil
}

func polygonChannelView(c polygon.Channel) api.MoneyChannel {
	usdc := func(n uint64) api.Amount { return api.Amount{Amount: n, Unit: string(payments.MicroUSDC)} }
	v := api.MoneyChannel{
		Rail: polygon.Name, ID: c.ID.Hex(), Peer: c.Peer.String(), Role: "payee", State: string(c.State),
		Capacity: usdc(c.Deposit), Spent: usdc(c.Promised), Left: usdc(c.Deposit - min(c.Deposit, c.Promised)), Redeemed: usdc(c.Redeemed),
		Detail: c.Reason,
	}
	if c.Direction == payments.Out {
		v.Role = "payer"
	}
	if !c.CloseAt.IsZero() {
		v.CloseMS = c.CloseAt.UnixMilli()
	}
	if c.Doing != "" {
		v.State += ", " + c.Doing
	}
	if !c.Safe.IsZero() {
		v.SafeUntilMS = c.Safe.UnixMilli()
	}
	return v
}

func (b *polygonBack) open(ctx context.Context, peer string, amount payments.Amount) (api.MoneyChannel, error) {
	to, err := identity.ParsePubKey(peer)
	if err != nil {
		return api.MoneyChannel{}, api.Errorf(api.CodeBadRequest, "infernet provider search lists providers", "peer: %v", err)
	}
	id, err := b.rail.Open(ctx, to, amount.Value)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	return b.channel(ctx, id)
}

func (b *polygonBack) topUp(ctx context.Context, channel string, amount payments.Amount) (api.MoneyChannel, error) {
	id := common.HexToHash(channel)
	if err := b.rail.TopUp(ctx, id, amount.Value); err != nil {
		return api.MoneyChannel{}, err
	}
	return b.channel(ctx, id)
}

// close closes a channel; the payee is asked to agree unless force is set. Of one
// that pays this node, which its payer alone can close, it takes out what is
// promised.
func (b *polygonBack) close(ctx context.Context, channel string, force bool) (api.MoneyChannel, error) {
	id := common.HexToHash(channel)
	v, err := b.channel(ctx, id)
	if err != nil {
		return v, err
	}
	if v.Role == "payee" {
		if err := b.rail.Redeem(ctx); err != nil {
			return api.MoneyChannel{}, err
		}
		return b.channel(ctx, id)
	}
	shut := b.rail.Close
	if force {
		shut = b.rail.ForceClose
	}
	if err := shut(ctx, id); err != nil {
		return api.MoneyChannel{}, err
	}
	return b.channel(ctx, id)
}

func (b *polygonBack) channel(ctx context.Context, id common.Hash) (api.MoneyChannel, error) {
	all, err := b.rail.Channels(ctx)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	for _, c := range all {
		if c.ID == id {
			return polygonChannelView(c), nil
		}
	}
	return api.MoneyChannel{}, api.Errorf(api.CodeNotFound, "infernet wallet channels lists them", "no channel %s", id)
}
