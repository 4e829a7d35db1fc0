package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/polygon/chain"
)

// moneyBackend shows the journal and the wallets behind the rails.
type moneyBackend struct{ n *Node }

var _ api.Money = moneyBackend{}

func (b moneyBackend) Balances(ctx context.Context) ([]api.Balance, error) {
	rails, _ := b.n.rails.All()
	out := []api.Balance{}
	for _, r := range rails {
		all, err := r.Balances(ctx)
		if err != nil {
			return nil, err
		}
		for _, x := range all {
			out = append(out, balanceView(r.Name(), x))
		}
	}
	return out, nil
}

func balanceView(rail string, x payments.Balance) api.Balance {
	v := api.Balance{
		Rail: rail, Peer: x.Peer.String(), Unit: string(x.Unit),
		Paid: x.Paid, Received: x.Received, Held: x.Expected, Unknown: x.Pending, Limit: x.Limit,
		Exposure: x.Exposure, OurExposure: x.OurExposure, Available: x.Available, Dispute: x.Dispute,
	}
	v.Limit = max(v.Limit, x.Window) // a channel that holds money widens it
	// On credit debts net out; with money each direction is made good by itself.
	if x.Unit == payments.Credits {
		v.Exposure, v.Owing = uint64(max(x.Net, 0)), uint64(max(-x.Net, 0))
	} else if x.Paid > x.SettledOut {
		v.Owing = x.Paid - x.SettledOut
	}
	return v
}

// Wallets tells of credit, and of every wallet that is connected, whether it can
// be used or not.
func (b moneyBackend) Wallets(ctx context.Context) ([]api.Wallet, error) {
	out := []api.Wallet{{Rail: credit.Name, Unit: string(payments.Credits), State: api.WalletReady}}
	// Those that are away are looked at, which takes a while, all at once.
	found := make([]*api.Wallet, len(b.n.wallets.keepers))
	var wg sync.WaitGroup
	for i, k := range b.n.wallets.keepers {
		if k.connected() {
			wg.Go(func() { w := b.wallet(ctx, k); found[i] = &w })
		}
	}
	wg.Wait()
	for _, w := range found {
		if w != nil {
			out = append(out, *w)
		}
	}
	for i := range out {
		if r, ok := b.n.rails.Named(out[i].Rail); ok {
			if err := exposures(ctx, r, &out[i]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// wallet shows one wallet. One that was away is looked at once more: who asks
// may have just mended it.
func (b moneyBackend) wallet(ctx context.Context, k *keeper) api.Wallet {
	patience := walletPatience
	if !k.ready() {
		patience = lookNow
		_ = b.n.look(ctx, k, patience) // the keeper tells of it
	}
	conf, back := k.has()
	v := conf.outline()
	if back != nil {
		asking, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var err error
		if v, err = back.view(asking); err != nil && ctx.Err() == nil && k.ready() {
			b.n.noted(k, err)
			k.wake()
		}
	}
	v.Rail, v.Unit, v.Connected = k.rail, string(job.UnitOf(k.rail)), true
	k.tell(&v)
	return v
}

// exposures adds up what is at risk with all peers.
func exposures(ctx context.Context, r payments.Rail, w *api.Wallet) error {
	all, err := r.Balances(ctx)
	if err != nil {
		return err
	}
	w.Exposure.Unit, w.OurExposure.Unit, w.Owing.Unit = w.Unit, w.Unit, w.Unit
	for _, x := range all {
		v := balanceView(w.Rail, x)
		w.Exposure.Amount += v.Exposure
		w.OurExposure.Amount += v.OurExposure
		w.Owing.Amount += v.Owing
	}
	return nil
}

// Connect checks a wallet, keeps where it is, and has its rail join.
func (b moneyBackend) Connect(ctx context.Context, req api.ConnectRequest) (api.Wallet, error) {
	if err := b.n.connect(ctx, req); err != nil {
		return api.Wallet{}, err
	}
	all, err := b.Wallets(ctx)
	if err != nil {
		return api.Wallet{}, err
	}
	for _, w := range all {
		if w.Rail == req.Rail {
			return w, nil
		}
	}
	return api.Wallet{}, api.Errorf(api.CodeInternal, "", "the rail did not join")
}

// back is the wallet behind a rail, or an error that says how to connect one.
func (b moneyBackend) back(rail string) (wallet, error) {
	k := b.n.wallets.of(rail)
	switch {
	case rail == credit.Name:
		return nil, api.Errorf(api.CodeBadRequest, "write the amount in sat or USDC", "credit is nothing but the peers' word: it has no channels")
	case k == nil:
		return nil, api.Errorf(api.CodeBadRequest, "one of: lightning, polygon", "rail: %.40q is not possible", rail)
	case !k.connected():
		return nil, api.Errorf(api.CodeNotFound, "infernet wallet connect "+rail+" --help", "no wallet is connected for rail %.80q", rail)
	}
	_, w := k.has()
	if w == nil {
		return nil, k.refusal(time.Now())
	}
	return w, nil
}

// backs are the wallets that are opened; missing tells of the others.
func (b moneyBackend) backs() (all []wallet, missing error) {
	for _, k := range b.n.wallets.keepers {
		if !k.connected() {
			continue
		}
		if _, w := k.has(); w != nil {
			all = append(all, w)
		} else {
			missing = errors.Join(missing, k.refusal(time.Now()))
		}
	}
	return all, missing
}

func (b moneyBackend) Channels(ctx context.Context) ([]api.MoneyChannel, error) {
	out := []api.MoneyChannel{}
	backs, missing := b.backs()
	errs := []error{missing}
	for _, w := range backs {
		chans, err := w.channels(ctx)
		errs = append(errs, err)
		out = append(out, chans...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, api.Errorf(api.CodeRefused, seeBalance, "the channels cannot be listed: %s", plainWords(err))
	}
	return out, nil
}

const seeBalance = "infernet wallet balance tells which wallet is away, and what to do"

// away tells that a wallet did not answer to something that was to be done.
func away(what string, err error) error {
	return api.Errorf(api.CodeRefused, "nothing new was begun unless infernet wallet history shows it; infernet wallet balance tells what is wrong", "%s: %s", what, plainWords(err))
}

func (b moneyBackend) Open(ctx context.Context, req api.OpenRequest) (api.MoneyChannel, error) {
	w, err := b.back(req.Rail)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	amount, err := b.amount(req.Rail, req.Amount)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	ch, err := w.open(ctx, req.Peer, amount)
	return ch, moneyError(err)
}

func (b moneyBackend) TopUp(ctx context.Context, req api.TopUpRequest) (api.MoneyChannel, error) {
	w, err := b.back(req.Rail)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	amount, err := b.amount(req.Rail, req.Amount)
	if err != nil {
		return api.MoneyChannel{}, err
	}
	ch, err := w.topUp(ctx, req.Channel, amount)
	return ch, moneyError(err)
}

// Close closes the channel of that id, on whichever rail it is.
func (b moneyBackend) Close(ctx context.Context, req api.CloseRequest) (api.MoneyChannel, error) {
	backs, missing := b.backs() // the channel may be another wallet's
	for _, w := range backs {
		chans, err := w.channels(ctx)
		missing = errors.Join(missing, err)
		for _, ch := range chans {
			if ch.ID == req.Channel {
				ch, err := w.close(ctx, ch.ID, req.Force)
				return ch, moneyError(err)
			}
		}
	}
	if missing != nil {
		return api.MoneyChannel{}, api.Errorf(api.CodeRefused, seeBalance, "the channel was not found, and not all wallets could be asked: %s", plainWords(missing))
	}
	return api.MoneyChannel{}, api.Errorf(api.CodeNotFound, "infernet wallet channels lists them", "no channel %.80q", req.Channel)
}

// amount reads an amount that must be in the rail's unit.
func (b moneyBackend) amount(rail, text string) (payments.Amount, error) {
	r, ok := b.n.rails.Named(rail)
	if !ok {
		return payments.Amount{}, api.Errorf(api.CodeNotFound, "", "no rail %.80q here", rail)
	}
	a, err := payments.ParseHuman(text)
	if err != nil {
		return a, api.Errorf(api.CodeBadRequest, "write it with its unit: 5000 sat, 0.25 USDC", "amount: %v", err)
	}
	if a.Unit != r.Unit() {
		return a, api.Errorf(api.CodeBadRequest, "", "amount: %s is not what rail %s carries", a.Human(), rail)
	}
	return a, nil
}

// moneyError gives failures of rails and wallets the codes that programs branch
// on.
func moneyError(err error) error {
	var coded *api.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &coded):
		return err
	case errors.Is(err, payments.ErrCeiling):
		return api.Errorf(api.CodeRefused, "wait, or connect the wallet again with a higher --per-day", "%v", err)
	case errors.Is(err, payments.ErrUnknown), errors.Is(err, payments.ErrDiverged):
		return api.Errorf(api.CodeUnknownMoney, "infernet payments reconcile", "%v", err)
	case errors.Is(err, payments.ErrNoEntry):
		return api.Errorf(api.CodeNotFound, "infernet payments list", "%v", err)
	case errors.Is(err, polygon.ErrNoChannel):
		return api.Errorf(api.CodeNotFound, "infernet wallet channels lists them", "%s", plainWords(err))
	case errors.Is(err, polygon.ErrState):
		return api.Errorf(api.CodeConflict, "infernet wallet channels shows the states", "%s", plainWords(err))
	case errors.Is(err, payments.ErrZero), errors.Is(err, payments.ErrOverflow), errors.Is(err, ln.ErrSpec):
		return api.Errorf(api.CodeBadRequest, "", "%s", plainWords(err))
	case errors.Is(err, payments.ErrUnreachable):
		return api.Errorf(api.CodeRefused, "nothing was done; try again when the peer is there", "%s", plainWords(err))
	case errors.Is(err, payments.ErrRefused), errors.Is(err, payments.ErrOverLimit), errors.Is(err, polygon.ErrDeposit), errors.Is(err, polygon.ErrTerms):
		return api.Errorf(api.CodeRefused, "", "%s", plainWords(err))
	case isAway(err), stateOf(err) == api.WalletBroken:
		return away("the wallet cannot be used now", err)
	}
	return err
}

// isAway reports whether an error is of a wallet that does not answer. Whether it
// heard is not told by that: what was begun is in the journal, and goes on.
func isAway(err error) bool {
	for _, is := range []error{
		payments.ErrAway, ln.ErrUnavailable, ln.ErrStarting, ln.ErrLocked,
		chain.ErrUnreachable, chain.ErrStale, chain.ErrDisagree, chain.ErrSigner, context.DeadlineExceeded,
	} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}
