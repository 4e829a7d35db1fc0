package lnd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
)

// Info is ln.Viewer's. What we can do is read from the macaroon.
func (n *Node) Info(ctx context.Context) (ln.Info, error) {
	r, err := n.lnd.GetInfo(ctx, &lnrpc.GetInfoRequest{})
	if err != nil {
		return ln.Info{}, err
	}
	key, err := ln.ParsePubKey(r.IdentityPubkey)
	if err != nil {
		return ln.Info{}, err
	}
	info := ln.Info{
		PubKey: key, Alias: r.Alias, Version: r.Version, Height: r.BlockHeight, Synced: r.SyncedToChain,
		Can: n.rights.Can(),
	}
	if len(r.Chains) > 0 {
		info.Network = r.Chains[0].Network
	}
	return info, nil
}

// Balance is ln.Viewer's. Without onchain:read, coins on chain are left out.
func (n *Node) Balance(ctx context.Context) (ln.Balance, error) {
	c, err := n.lnd.ChannelBalance(ctx, &lnrpc.ChannelBalanceRequest{})
	if err != nil {
		return ln.Balance{}, err
	}
	b := ln.Balance{
		LocalMsat: c.LocalBalance.GetMsat(), RemoteMsat: c.RemoteBalance.GetMsat(),
		HeldMsat: c.UnsettledLocalBalance.GetMsat() + c.UnsettledRemoteBalance.GetMsat(),
	}
	if !n.rights.Can().Has(ln.CanBalance) {
		return b, nil
	}
	w, err := n.lnd.WalletBalance(ctx, &lnrpc.WalletBalanceRequest{})
	if err != nil {
		return ln.Balance{}, err
	}
	b.OnChainSat = uint64(max(0, w.ConfirmedBalance))
	return b, nil
}

// Channels is ln.Viewer's.
func (n *Node) Channels(ctx context.Context) ([]ln.Channel, error) {
	open, err := n.lnd.ListChannels(ctx, &lnrpc.ListChannelsRequest{})
	if err != nil {
		return nil, err
	}
	other, err := n.lnd.PendingChannels(ctx, &lnrpc.PendingChannelsRequest{})
	if err != nil {
		return nil, err
	}
	var list []ln.Channel
	for _, c := range open.Channels {
		ch, err := channel(c.ChannelPoint, c.RemotePubkey, ln.ChannelOpen)
		if err != nil {
			return nil, err
		}
		ch.Active, ch.Private, ch.HTLCs = c.Active, c.Private, len(c.PendingHtlcs)
		ch.CapacitySat, ch.LocalMsat, ch.RemoteMsat = sat(c.Capacity), 1000*sat(c.LocalBalance), 1000*sat(c.RemoteBalance)
		ch.HeldMsat, ch.ReserveMsat = 1000*sat(c.UnsettledBalance), 1000*c.LocalConstraints.GetChanReserveSat()
		list = append(list, ch)
	}
	add := func(p *lnrpc.PendingChannelsResponse_PendingChannel, state ln.ChannelState) error {
		ch, err := channel(p.GetChannelPoint(), p.GetRemoteNodePub(), state)
		ch.CapacitySat, ch.LocalMsat, ch.RemoteMsat = sat(p.GetCapacity()), 1000*sat(p.GetLocalBalance()), 1000*sat(p.GetRemoteBalance())
		ch.Private = p.GetPrivate()
		list = append(list, ch)
		return err
	}
	return list, eachPending(other, add)
}

func eachPending(r *lnrpc.PendingChannelsResponse, add func(*lnrpc.PendingChannelsResponse_PendingChannel, ln.ChannelState) error) error {
	for _, c := range r.PendingOpenChannels {
		if err := add(c.Channel, ln.ChannelOpening); err != nil {
			return err
		}
	}
	for _, c := range r.WaitingCloseChannels {
		state := ln.ChannelClosing
		// A commitment that waits for its block is a closing by force.
		if f := c.Channel.GetChanStatusFlags(); strings.Contains(f, "CommitBroadcasted") || strings.Contains(f, "LocalDataLoss") {
			state = ln.ChannelForced
		}
		if err := add(c.Channel, state); err != nil {
			return err
		}
	}
	for _, c := range r.PendingForceClosingChannels {
		if err := add(c.Channel, ln.ChannelForced); err != nil {
			return err
		}
	}
	return nil
}

func channel(point, peer string, state ln.ChannelState) (ln.Channel, error) {
	p, err := ln.ParseChannelPoint(point)
	if err != nil {
		return ln.Channel{}, fmt.Errorf("lnd names a channel: %w", err)
	}
	key, err := ln.ParsePubKey(peer)
	if err != nil {
		return ln.Channel{}, fmt.Errorf("lnd names a peer: %w", err)
	}
	return ln.Channel{Point: p, Peer: key, State: state}, nil
}

// Announced reports whether the node knows both sides' terms of a channel. Right
// after its opening it may not, and payments over it fail for a while as if there
// were no balance.
func (n *Node) Announced(ctx context.Context, point ln.ChannelPoint) (bool, error) {
	r, err := n.lnd.GetChanInfo(ctx, &lnrpc.ChanInfoRequest{ChanPoint: point.String()})
	switch {
	case errors.Is(err, ln.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return r.Node1Policy != nil && r.Node2Policy != nil, nil
}

// sat is an amount that lnd writes with a sign and that has none.
func sat(n int64) uint64 { return uint64(max(0, n)) }
