package lntest

import (
	"context"
	"fmt"
	"slices"

	"infernet.tech/infernet/payments/lightning/ln"
)

// OpenChannel is ln.Opener's. The channel is there at once.
func (v *Node) OpenChannel(ctx context.Context, spec ln.OpenSpec) (point ln.ChannelPoint, err error) {
	err = v.call(ctx, "OpenChannel", ln.CanOpen, func() error {
		i := slices.IndexFunc(v.net.order, func(o *Node) bool { return o.PubKey() == spec.Peer })
		if i < 0 || v.net.order[i] == v || !v.net.order[i].up {
			return fmt.Errorf("%w: no such peer", ln.ErrUnavailable)
		}
		if spec.CapacitySat == 0 || spec.PushSat > spec.CapacitySat || spec.CapacitySat > v.onChain/1000 {
			return fmt.Errorf("%w: a channel of %d sat", ln.ErrSpec, spec.CapacitySat)
		}
		v.onChain -= spec.CapacitySat * 1000
		point = v.net.open(v, v.net.order[i], (spec.CapacitySat-spec.PushSat)*1000, spec.PushSat*1000).point
		return nil
	})
	return point, err
}

// CloseChannel is ln.Opener's. What is on its way must be resolved first, unless
// by force.
func (v *Node) CloseChannel(ctx context.Context, point ln.ChannelPoint, force bool) error {
	return v.call(ctx, "CloseChannel", ln.CanOpen, func() error {
		i := slices.IndexFunc(v.net.channels, func(c *channel) bool {
			return c.point == point && (c.ends[0] == v || c.ends[1] == v)
		})
		if i < 0 {
			return fmt.Errorf("%w: channel %s", ln.ErrNotFound, point)
		}
		c := v.net.channels[i]
		if !force && (len(c.htlcs) > 0 || !c.active()) {
			return fmt.Errorf("%w: HTLCs are on their way, or the peer is away", ln.ErrUnavailable)
		}
		c.force()
		if !force {
			v.net.channels = slices.Delete(v.net.channels, i, i+1)
		}
		v.net.sweep()
		v.net.tell()
		return nil
	})
}

// NewAddress is ln.Opener's.
func (v *Node) NewAddress(ctx context.Context) (address string, err error) {
	err = v.call(ctx, "NewAddress", ln.CanOpen, func() error {
		address = fmt.Sprintf("lntest%x", v.net.draw())
		return nil
	})
	return address, err
}
