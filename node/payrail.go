package node

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/payments/lightning"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/payments/rails"
)

// payable are the rails that this node's own requests to models may be paid on.
func payable() map[string]payments.Unit {
	return map[string]payments.Unit{
		credit.Name: payments.Credits, lightning.Name: payments.MilliSat, polygon.Name: payments.MicroUSDC,
	}
}

func railNames() []string { return []string{credit.Name, lightning.Name, polygon.Name} }

// validPay checks Config.Pay; "" is credit.
func validPay(rail string) error {
	if _, ok := payable()[rail]; !ok && rail != "" {
		return fmt.Errorf("pay: %.40q is none of %s", rail, strings.Join(railNames(), ", "))
	}
	return nil
}

// payRail pays for inference on the rail of the owner's choice, which may join
// later. What an earlier run left open on another is paid there.
type payRail struct {
	all  *rails.Set
	name string
}

var _ infer.Rail = payRail{}

// payingRail is the rail for inference. Only one with channels locks money for
// a lease: a hold on Lightning is for one payment of a known amount, which the
// windows of a lease are not; they are paid on the credit that providers give.
func payingRail(all *rails.Set, name string) infer.Rail {
	switch name {
	case "":
		name = credit.Name
	case polygon.Name:
		return channelRail{payRail{all, name}}
	}
	return payRail{all, name}
}

// Name implements infer.Rail.
func (r payRail) Name() string { return r.name }

// Unit implements infer.Rail; it is known before the rail is there.
func (r payRail) Unit() payments.Unit { return payable()[r.name] }

// Pay implements infer.Rail.
func (r payRail) Pay(ctx context.Context, p payments.Payment) (payments.Proof, error) {
	return r.all.Pay(ctx, p)
}

// channelRail locks money for a lease in a channel that all its windows are
// paid from.
type channelRail struct{ payRail }

var _ payments.Funder = channelRail{}

// Fund implements payments.Funder.
func (r channelRail) Fund(ctx context.Context, p payments.Payment) error { return r.all.Fund(ctx, p) }

// Release implements payments.Funder.
func (r channelRail) Release(ctx context.Context, ref payments.Ref, reason string) error {
	return r.all.Release(ctx, r.Unit(), ref, reason)
}

// canPay tells why requests to models cannot be paid now: a rail of money joins
// with its wallet.
func (n *Node) canPay() error {
	name := cmp.Or(n.cfg.Pay, credit.Name)
	k := n.wallets.of(name)
	switch {
	case k == nil:
		return nil // credit needs nothing
	case !k.connected():
		return fmt.Errorf("no wallet is connected for rail %s: infernet wallet connect %s", name, name)
	case !k.ready():
		return k.refusal(time.Now())
	}
	return nil
}
