package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/polygon/chain"
)

// How often a wallet is looked at: one that answers now and then, one that does
// not ever more seldom.
const (
	lookEvery  = 20 * time.Second
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// lookNow is how long somebody who asks waits for a wallet that was away to be
// looked at once more.
const lookNow = 3 * time.Second

// keeper looks after the wallet behind one rail: opens it, again and again where
// that fails, and knows whether it can be used.
type keeper struct {
	rail string
	kick chan struct{} // wakes its loop
	busy chan struct{} // holds one token while somebody looks

	mu    sync.Mutex
	conf  walletConf // nil: none is connected
	back  wallet     // nil: not opened yet
	state string     // of api.Wallet; "" before the first look
	since time.Time
	err   error // why it is not ready
	tries int   // in a row that failed
	next  time.Time
}

func newKeeper(rail string) *keeper {
	return &keeper{rail: rail, kick: make(chan struct{}, 1), busy: make(chan struct{}, 1)}
}

// use has the keeper look after that wallet from now on; back is nil where it
// could not be opened.
func (k *keeper) use(conf walletConf, back wallet) {
	k.mu.Lock()
	k.conf, k.back = conf, back
	k.mu.Unlock()
	k.wake()
}

func (k *keeper) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// has returns what is connected and what is opened of it.
func (k *keeper) has() (walletConf, wallet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.conf, k.back
}

// connected tells whether there is a wallet, opened or not.
func (k *keeper) connected() bool {
	conf, _ := k.has()
	return conf != nil
}

// ready tells whether the wallet answered when it was last looked at.
func (k *keeper) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state == api.WalletReady
}

// note keeps what a look found and tells whether that is a change.
func (k *keeper) note(err error, now time.Time) (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	state := stateOf(err)
	if changed = state != k.state; changed {
		k.state, k.since = state, now
	}
	if k.err = err; err == nil {
		k.tries, k.next = 0, now.Add(lookEvery)
		return changed
	}
	k.next = now.Add(min(lastRetry, firstRetry<<min(k.tries, 16)))
	return changed
}

// due is how long until the wallet is looked at again; for ever where there is none.
func (k *keeper) due(now time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conf == nil {
		return time.Duration(1<<63 - 1)
	}
	return k.next.Sub(now)
}

// tell puts into v how the wallet is, and what its owner can do.
func (k *keeper) tell(v *api.Wallet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v.State = k.state; k.state == "" {
		v.State = api.WalletStarting
	}
	if !k.since.IsZero() {
		v.SinceMS = k.since.UnixMilli()
	}
	if k.err == nil {
		return
	}
	v.Problem, v.NextMS = plainWords(k.err), k.next.UnixMilli()
	v.Hint = k.hint()
}

// hint says what its owner can do about k.err.
func (k *keeper) hint() string {
	var coded *api.Error
	again := "connect it again: " + k.conf.again()
	switch {
	case errors.As(k.err, &coded) && coded.Hint != "":
		return coded.Hint
	case errors.Is(k.err, fs.ErrNotExist):
		return "put the file back where it was, or " + again
	case k.state == api.WalletBroken:
		return "mend that, or " + again
	case errors.Is(k.err, ln.ErrLocked):
		return "it is used again as soon as it is unlocked"
	}
	return "nothing is lost; is it running, and can it be reached from here?"
}

// refusal says why nothing new is agreed on the rail.
func (k *keeper) refusal(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == "" {
		return api.Errorf(api.CodeNotReady, "try again in a moment", "the %s wallet has not been looked at yet", k.rail)
	}
	if k.err == nil { // it came back since the caller looked
		return api.Errorf(api.CodeNotReady, "try again", "the %s wallet was away and is back just now", k.rail)
	}
	return api.Errorf(api.CodeRefused, k.hint(), "the %s wallet is %s, for %s now: %s; it is tried again in %s",
		k.rail, k.state, now.Sub(k.since).Round(time.Second), plainWords(k.err), max(k.next.Sub(now), 0).Round(time.Second))
}

// stateOf tells a wallet that is away, and may come back by itself, from one
// that somebody must mend.
func stateOf(err error) string {
	if err == nil {
		return api.WalletReady
	}
	var coded *api.Error
	if errors.As(err, &coded) {
		return api.WalletBroken
	}
	for _, broken := range []error{
		fs.ErrNotExist, fs.ErrPermission, ln.ErrSpec, ln.ErrCertificate, ln.ErrDenied, ln.ErrUnsupported,
		chain.ErrConfig, chain.ErrChainID, chain.ErrNoCode, chain.ErrKeyFile, chain.ErrReadableByOthers,
		chain.ErrPassphrase, chain.ErrNodeKey, polygon.ErrConfig,
	} {
		if errors.Is(err, broken) {
			return api.WalletBroken
		}
	}
	return api.WalletAway
}

// keepWallets looks after the wallets until ctx ends.
func (n *Node) keepWallets(ctx context.Context) error {
	var g errgroup.Group
	for _, k := range n.wallets.keepers {
		g.Go(func() error {
			n.keep(ctx, k)
			return nil
		})
	}
	return g.Wait()
}

func (n *Node) keep(ctx context.Context, k *keeper) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.kick:
		case <-timer.C:
		}
		if conf, _ := k.has(); conf != nil && n.look(ctx, k, walletPatience) != nil {
			k.mu.Lock()
			k.tries++
			k.mu.Unlock()
		}
		timer.Reset(k.due(time.Now()))
	}
}

// look opens the wallet where that is still to be done, asks it whether it can
// be used, and keeps the answer. One look is taken at a time.
func (n *Node) look(ctx context.Context, k *keeper, patience time.Duration) error {
	inner, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case k.busy <- struct{}{}:
		defer func() { <-k.busy }()
	case <-inner.Done():
		return inner.Err()
	}
	back, err := n.opened(inner, k)
	if err == nil {
		err = back.check(inner)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if inner.Err() != nil && err != nil {
		err = fmt.Errorf("it did not answer within %s", patience)
	}
	n.noted(k, err)
	return err
}

// noted keeps how a wallet was found, and has the network know what can be paid
// here now.
func (n *Node) noted(k *keeper, err error) {
	changed := k.note(err, time.Now())
	n.rails.SetAway(k.rail, err != nil)
	if !changed {
		return
	}
	if err != nil {
		n.log.Warn("a wallet cannot be used; it is tried again", "rail", k.rail, "err", err)
	} else {
		n.log.Info("a wallet is ready", "rail", k.rail)
	}
	if err := n.announce(); err != nil {
		n.log.Warn("tell the network which rails there are", "err", err)
	}
}

// opened is the wallet, opened now where it is not yet. Its rail joins then.
func (n *Node) opened(ctx context.Context, k *keeper) (wallet, error) {
	conf, back := k.has()
	if back != nil {
		return back, nil
	}
	if conf == nil {
		return nil, fmt.Errorf("no wallet is connected for rail %s", k.rail)
	}
	// Its owner may connect it again at this very moment.
	n.connecting.Lock()
	defer n.connecting.Unlock()
	conf, back = k.has()
	if back != nil {
		return back, nil
	}
	rail, back, err := conf.open(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := n.rails.Add(rail); err != nil {
		back.shut()
		return nil, err
	}
	k.mu.Lock()
	k.back = back
	k.mu.Unlock()
	return back, nil
}

// walletsDetail says in a line which wallets cannot be used.
func (n *Node) walletsDetail() string {
	var out []string
	for _, k := range n.wallets.keepers {
		if conf, _ := k.has(); conf != nil && !k.ready() {
			out = append(out, k.rail+" cannot be used: infernet wallet balance")
		}
	}
	return strings.Join(out, "; ")
}
