package lnd

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
)

// OpenChannel is ln.Opener's.
func (n *Node) OpenChannel(ctx context.Context, spec ln.OpenSpec) (ln.ChannelPoint, error) {
	if spec.CapacitySat == 0 || spec.CapacitySat > ln.MaxMsat/1000 || spec.PushSat >= spec.CapacitySat {
		return ln.ChannelPoint{}, fmt.Errorf("%w: a channel of %d sat, %d of them given away", ln.ErrSpec, spec.CapacitySat, spec.PushSat)
	}
	if spec.Address != "" {
		_, err := n.lnd.ConnectPeer(ctx, &lnrpc.ConnectPeerRequest{
			Addr: &lnrpc.LightningAddress{Pubkey: spec.Peer.String(), Host: spec.Address}, Timeout: uint64(n.cfg.Timeout.Seconds()),
		})
		if err != nil && !strings.Contains(err.Error(), "already connected") {
			return ln.ChannelPoint{}, err
		}
	}
	r, err := n.lnd.OpenChannelSync(ctx, &lnrpc.OpenChannelRequest{
		NodePubkey: spec.Peer[:], LocalFundingAmount: int64(spec.CapacitySat), PushSat: int64(spec.PushSat), Private: spec.Private,
	})
	if err != nil {
		return ln.ChannelPoint{}, err
	}
	if b := r.GetFundingTxidBytes(); len(b) == 32 {
		b = slices.Clone(b)
		slices.Reverse(b) // people write it the other way round
		return ln.ChannelPoint{TxID: hex.EncodeToString(b), Index: r.OutputIndex}, nil
	}
	return ln.ParseChannelPoint(fmt.Sprintf("%s:%d", r.GetFundingTxidStr(), r.OutputIndex))
}

// CloseChannel is ln.Opener's. Without force lnd refuses while a payment is on its
// way over the channel, or the peer is away.
func (n *Node) CloseChannel(ctx context.Context, point ln.ChannelPoint, force bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const method = lnrpc.Lightning_CloseChannel_FullMethodName
	stream, err := n.lnd.CloseChannel(ctx, &lnrpc.CloseChannelRequest{
		ChannelPoint: &lnrpc.ChannelPoint{
			FundingTxid: &lnrpc.ChannelPoint_FundingTxidStr{FundingTxidStr: point.TxID}, OutputIndex: point.Index,
		},
		Force: force,
	})
	if err != nil {
		return n.explain(ctx, method, err)
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return n.explain(ctx, method, err)
		}
		if r.GetClosePending() != nil || r.GetChanClose() != nil {
			return nil
		}
	}
}

// NewAddress is ln.Opener's.
func (n *Node) NewAddress(ctx context.Context) (string, error) {
	r, err := n.lnd.NewAddress(ctx, &lnrpc.NewAddressRequest{Type: lnrpc.AddressType_WITNESS_PUBKEY_HASH})
	if err != nil {
		return "", err
	}
	return r.Address, nil
}

// Bake asks lnd for a macaroon that is enough for want and for nothing else. Our
// own must allow that (macaroon:generate), as admin.macaroon does: so that who is
// given that one need not keep it.
func (n *Node) Bake(ctx context.Context, want ln.Ability) ([]byte, error) {
	req := &lnrpc.BakeMacaroonRequest{}
	for _, m := range methods {
		if want.Has(m.of) {
			req.Permissions = append(req.Permissions, &lnrpc.MacaroonPermission{Entity: "uri", Action: m.method})
		}
	}
	r, err := n.lnd.BakeMacaroon(ctx, req)
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(r.Macaroon)
}
