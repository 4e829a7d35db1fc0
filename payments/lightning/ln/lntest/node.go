package lntest

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Node is one node of the network; it is the driver, too.
type Node struct {
	net  *Net
	name string
	key  *btcec.PrivateKey

	up, stuck bool
	sunk      bool // payments are chosen a way for and never sent
	can       ln.Ability
	hook      Hook
	onChain   uint64 // msat
	invoices  map[ln.Hash]*invoice
	paid      map[ln.Hash]*payment
}

// Hook is asked at every call to a node, before it has any effect and after. An
// error it returns is what the call returns: afterwards, the effect is there all
// the same, which is how an answer is lost. It is called without locks.
type Hook func(ctx context.Context, call string, after bool) error

var _ ln.Node = (*Node)(nil)

func newNode(n *Net, name string) *Node {
	secret := sha256.Sum256([]byte("lntest node " + name))
	key, _ := btcec.PrivKeyFromBytes(secret[:])
	return &Node{
		net: n, name: name, key: key, up: true,
		can:      ln.CanReceive | ln.CanHold | ln.CanPay | ln.CanBalance | ln.CanChannels | ln.CanOpen,
		invoices: map[ln.Hash]*invoice{}, paid: map[ln.Hash]*payment{},
	}
}

// PubKey is the node's identity.
func (v *Node) PubKey() ln.PubKey { return ln.PubKey(v.key.PubKey().SerializeCompressed()) }

// Intercept sets the hook, or none with nil.
func (v *Node) Intercept(h Hook) { v.change(func() { v.hook = h }) }

// Limit takes away all abilities but those.
func (v *Node) Limit(can ln.Ability) { v.change(func() { v.can = can }) }

// Stop kills the node: its calls are ErrUnavailable, its HTLCs lie still.
func (v *Node) Stop() { v.change(func() { v.up = false }) }

// Start brings a stopped node back, which remembers all.
func (v *Node) Start() { v.change(func() { v.up = true }) }

// Stick makes a node take HTLCs in and do nothing with them, or ends that.
func (v *Node) Stick(on bool) { v.change(func() { v.stuck = on }) }

// Sink makes the node do with payments what lnd does that is killed before it has
// sent them: they are in flight for ever and nowhere. Or it ends that, for others.
func (v *Node) Sink(on bool) { v.change(func() { v.sunk = on }) }

func (v *Node) change(f func()) {
	v.net.mu.Lock()
	defer v.net.mu.Unlock()
	f()
	v.net.sweep()
	v.net.tell()
}

// call runs f as a call to the node: with the lock held, between the hooks.
func (v *Node) call(ctx context.Context, name string, needs ln.Ability, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hook := v.currentHook()
	if hook != nil {
		if err := hook(ctx, name, false); err != nil {
			return err
		}
	}
	err := v.locked(name, needs, f)
	if err == nil && hook != nil {
		err = hook(ctx, name, true)
	}
	return err
}

func (v *Node) currentHook() Hook {
	v.net.mu.Lock()
	defer v.net.mu.Unlock()
	return v.hook
}

func (v *Node) locked(name string, needs ln.Ability, f func() error) error {
	v.net.mu.Lock()
	defer v.net.mu.Unlock()
	if !v.up {
		return fmt.Errorf("%w: %s is stopped", ln.ErrUnavailable, v.name)
	}
	if !v.can.Has(needs) {
		return fmt.Errorf("%w: %s", ln.ErrUnsupported, name)
	}
	v.expire()
	return f()
}

// Info is ln.Viewer's.
func (v *Node) Info(ctx context.Context) (info ln.Info, err error) {
	err = v.call(ctx, "Info", 0, func() error {
		info = ln.Info{
			PubKey: v.PubKey(), Alias: v.name, Network: Network, Version: "lntest",
			Height: v.net.height, Synced: true, Can: v.can,
		}
		return nil
	})
	return info, err
}

// Balance is ln.Viewer's.
func (v *Node) Balance(ctx context.Context) (b ln.Balance, err error) {
	err = v.call(ctx, "Balance", ln.CanBalance, func() error {
		b.OnChainSat = v.onChain / 1000
		v.each(func(c *channel, side int) {
			for _, h := range c.htlcs {
				b.HeldMsat += h.amount
			}
			if c.state == ln.ChannelOpen {
				b.LocalMsat += c.balance[side]
				b.RemoteMsat += c.balance[1-side]
			}
		})
		return nil
	})
	return b, err
}

// Channels is ln.Viewer's.
func (v *Node) Channels(ctx context.Context) (list []ln.Channel, err error) {
	err = v.call(ctx, "Channels", ln.CanChannels, func() error {
		v.each(func(c *channel, side int) {
			ch := ln.Channel{
				Point: c.point, Peer: c.ends[1-side].PubKey(), State: c.state, Active: c.active(),
				CapacitySat: c.capacity / 1000, LocalMsat: c.balance[side], RemoteMsat: c.balance[1-side],
				HTLCs: len(c.htlcs), ReserveMsat: c.reserve(),
			}
			for _, h := range c.htlcs {
				ch.HeldMsat += h.amount
			}
			list = append(list, ch)
		})
		return nil
	})
	return list, err
}

// each visits the node's channels.
func (v *Node) each(visit func(c *channel, side int)) {
	for _, c := range v.net.channels {
		if c.ends[0] == v || c.ends[1] == v {
			visit(c, c.side(v))
		}
	}
}
