package lnd

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/routerrpc"
)

// updates is a stream of what becomes of a payment.
type updates = grpc.ServerStreamingClient[lnrpc.Payment]

// Pay is ln.Sender's.
func (n *Node) Pay(ctx context.Context, spec ln.PaySpec) (ln.Payment, error) {
	inv, req, err := request(spec)
	if err != nil {
		return ln.Payment{}, err
	}
	// lnd looks for ways until its own timeout; what is on its way then is not
	// waited for.
	inner, cancel := context.WithTimeout(ctx, spec.Timeout+time.Second)
	defer cancel()
	stream, err := n.send(inner, req)
	if err != nil {
		return ln.Payment{Hash: inv.Hash}, n.explain(ctx, routerrpc.Router_SendPaymentV2_FullMethodName, err)
	}
	p, err := n.follow(stream, inv.Hash, spec.Hold)
	if status.Code(err) == codes.AlreadyExists {
		// Paid, or on its way: nothing was sent now, and the first one's end is ours.
		if stream, err = n.track(inner, inv.Hash); err == nil {
			p, err = n.follow(stream, inv.Hash, spec.Hold)
		}
	}
	return n.judge(ctx, inv.Hash, p, err)
}

// mostParts is into how many HTLCs a payment may be split that no single channel
// can carry; lnd's own choice where nothing is said depends on its version.
const mostParts = 16

// request checks an invoice before lnd sees it.
func request(spec ln.PaySpec) (bolt11.Invoice, *routerrpc.SendPaymentRequest, error) {
	inv, err := bolt11.Payable(spec, time.Now())
	if err != nil {
		return bolt11.Invoice{}, nil, err
	}
	req := &routerrpc.SendPaymentRequest{
		PaymentRequest: spec.Bolt11, FeeLimitMsat: int64(spec.FeeLimitMsat),
		TimeoutSeconds: int32(spec.Timeout / time.Second), CltvLimit: int32(min(spec.CLTVLimit, math.MaxInt32)),
		MaxParts: mostParts,
	}
	if spec.Hold {
		req.MaxParts = 1
	}
	return inv, req, nil
}

// send is the generated call taken apart: an error is certain to mean that the
// request did not leave us, which the generated one does not tell.
func (n *Node) send(ctx context.Context, req *routerrpc.SendPaymentRequest) (updates, error) {
	desc := &grpc.StreamDesc{StreamName: "SendPaymentV2", ServerStreams: true}
	cs, err := n.conn.NewStream(ctx, desc, routerrpc.Router_SendPaymentV2_FullMethodName)
	if err != nil {
		return nil, err
	}
	x := &grpc.GenericClientStream[routerrpc.SendPaymentRequest, lnrpc.Payment]{ClientStream: cs}
	// From here on the request may have gone out: the stream's Recv says more.
	if err := cs.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return x, nil
	}
	cs.CloseSend()
	return x, nil
}

func (n *Node) track(ctx context.Context, hash ln.Hash) (updates, error) {
	return n.router.TrackPaymentV2(ctx, &routerrpc.TrackPaymentRequest{PaymentHash: hash[:]})
}

// follow reads updates until the last one, or until all of it is locked where
// that is enough. The payment it returns with an error is what was seen last.
func (n *Node) follow(stream updates, hash ln.Hash, locked bool) (last ln.Payment, err error) {
	for {
		r, err := stream.Recv()
		if err != nil {
			return last, err
		}
		p, out, err := payment(hash, r)
		if err != nil {
			last.State = ln.InFlight // it tells something, which is not a refusal
			return last, err
		}
		last = p
		if p.State.Final() || (locked && out >= p.AmountMsat) {
			return p, nil
		}
	}
}

// judge says what is certain after a call that has asked lnd to pay.
func (n *Node) judge(ctx context.Context, hash ln.Hash, p ln.Payment, err error) (ln.Payment, error) {
	switch {
	case err == nil && p.State == ln.Failed:
		return p, fmt.Errorf("%w: %s", ln.ErrFailed, p.Reason)
	case err == nil:
		return p, nil
	case p.State == "":
		if why := n.refused(ctx, hash, err); why != nil {
			return ln.Payment{Hash: hash}, why
		}
	case status.Code(err) == codes.DeadlineExceeded && ctx.Err() == nil:
		return p, fmt.Errorf("%w: the payee holds it, or it is stuck on its way", ln.ErrInFlight)
	}
	p.Hash, p.State = hash, ln.InFlight
	return p, fmt.Errorf("%w: %w", ln.ErrInFlight, n.explain(ctx, routerrpc.Router_SendPaymentV2_FullMethodName, err))
}

// refused returns the reason where it is certain that lnd itself said no, before
// it tried the first way. An error of lnd's own has the code Unknown; so does
// that of an lnd that is shut down after it has sent, hence the second look.
func (n *Node) refused(ctx context.Context, hash ln.Hash, err error) error {
	why := n.explain(ctx, routerrpc.Router_SendPaymentV2_FullMethodName, err)
	if isAny(why, ln.ErrDenied, ln.ErrLocked, ln.ErrStarting, ln.ErrUnsupported, ln.ErrInvoice) ||
		status.Code(err) == codes.InvalidArgument {
		return why
	}
	if status.Code(err) != codes.Unknown {
		return nil
	}
	switch before, err := n.Track(ctx, hash); {
	case errors.Is(err, ln.ErrNotFound):
		return why
	case err == nil && before.State == ln.Failed:
		return fmt.Errorf("%w: %w", ln.ErrFailed, why)
	}
	return nil
}

// Track is ln.Sender's.
func (n *Node) Track(ctx context.Context, hash ln.Hash) (ln.Payment, error) {
	inner, cancel := context.WithTimeout(ctx, n.cfg.Timeout)
	defer cancel()
	const method = routerrpc.Router_TrackPaymentV2_FullMethodName
	stream, err := n.track(inner, hash)
	if err != nil {
		return ln.Payment{}, n.explain(ctx, method, err)
	}
	r, err := stream.Recv()
	if err != nil {
		return ln.Payment{}, n.explain(ctx, method, err)
	}
	p, _, err := payment(hash, r)
	if err == nil && p.State == ln.InFlight {
		p.Unsent = n.unsent(inner, hash, r)
	}
	return p, err
}

// unsent reports whether no channel holds an HTLC for a payment in flight, and
// each way that lnd says it takes begins with a channel that is in use: what lnd
// has sent is on such a channel, whatever becomes of it.
func (n *Node) unsent(ctx context.Context, hash ln.Hash, r *lnrpc.Payment) bool {
	all, err := n.lnd.ListChannels(ctx, &lnrpc.ListChannelsRequest{})
	if err != nil {
		return false
	}
	used := map[uint64]bool{}
	for _, c := range all.Channels {
		used[c.ChanId] = c.Active
		for _, h := range c.PendingHtlcs {
			if bytes.Equal(h.HashLock, hash[:]) {
				return false
			}
		}
	}
	for _, h := range r.Htlcs {
		hops := h.Route.GetHops()
		if h.Status == lnrpc.HTLCAttempt_IN_FLIGHT && (len(hops) == 0 || !used[hops[0].ChanId]) {
			return false
		}
	}
	return true
}

var reasons = map[lnrpc.PaymentFailureReason]ln.Reason{
	lnrpc.PaymentFailureReason_FAILURE_REASON_TIMEOUT:                   ln.ReasonTimeout,
	lnrpc.PaymentFailureReason_FAILURE_REASON_NO_ROUTE:                  ln.ReasonNoRoute,
	lnrpc.PaymentFailureReason_FAILURE_REASON_INCORRECT_PAYMENT_DETAILS: ln.ReasonRefused,
	lnrpc.PaymentFailureReason_FAILURE_REASON_INSUFFICIENT_BALANCE:      ln.ReasonBalance,
	lnrpc.PaymentFailureReason_FAILURE_REASON_CANCELED:                  ln.ReasonCanceledByUs,
}

// payment reads an update, and how much is on its way.
func payment(hash ln.Hash, r *lnrpc.Payment) (p ln.Payment, out uint64, err error) {
	p = ln.Payment{Hash: hash, State: ln.InFlight, AmountMsat: sat(r.ValueMsat)}
	switch r.Status {
	case lnrpc.Payment_SUCCEEDED:
		p.State, p.FeeMsat = ln.Succeeded, sat(r.FeeMsat)
		b, err := hex.DecodeString(r.PaymentPreimage)
		if copy(p.Preimage[:], b); err != nil || p.Preimage.Hash() != hash {
			return ln.Payment{}, 0, fmt.Errorf("lnd tells a wrong preimage for %s", hash)
		}
		return p, 0, nil
	case lnrpc.Payment_FAILED:
		p.State, p.Reason = ln.Failed, ln.ReasonError
		if why, ok := reasons[r.FailureReason]; ok {
			p.Reason = why
		}
		return p, 0, nil
	}
	for _, h := range r.Htlcs {
		if h.Status != lnrpc.HTLCAttempt_IN_FLIGHT {
			continue
		}
		out += sat(h.Route.GetTotalAmtMsat() - h.Route.GetTotalFeesMsat())
		p.ExpiryHeight = max(p.ExpiryHeight, h.Route.GetTotalTimeLock())
	}
	return p, out, nil
}
