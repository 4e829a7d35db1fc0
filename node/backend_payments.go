package node

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// movements are refs of money that moves on a rail itself; every other ref pays
// for one thing that somebody did.
var movements = map[string]string{"settle/": "settlement", "hold/": "hold", "chain/": "chain"}

// movement is the kind of a movement; "" for what is a payment.
func movement(ref payments.Ref) string {
	for prefix, kind := range movements {
		if strings.HasPrefix(string(ref), prefix) {
			return kind
		}
	}
	return ""
}

func (b moneyBackend) Payments(_ context.Context, q api.PaymentQuery) ([]api.Payment, error) {
	f := payments.Filter{Direction: payments.Direction(q.Direction), State: payments.State(q.State), Prefix: q.Job, Open: q.Open}
	if q.Peer != "" {
		peer, err := identity.ParsePubKey(q.Peer)
		if err != nil {
			return nil, api.Errorf(api.CodeBadRequest, "", "peer: %v", err)
		}
		f.Peer = peer
	}
	entries, err := b.entries(q.Rail, f)
	if err != nil {
		return nil, err
	}
	out := []api.Payment{}
	for _, e := range entries {
		if movement(e.Ref) == "" {
			out = append(out, paymentView(e))
		}
	}
	slices.SortStableFunc(out, func(x, y api.Payment) int { return cmp.Compare(y.AtMS, x.AtMS) })
	if q.Max > 0 && len(out) > q.Max {
		out = out[:q.Max]
	}
	return out, nil
}

// entries are those of one rail, or of all.
func (b moneyBackend) entries(rail string, f payments.Filter) (out []payments.Entry, err error) {
	rails, _ := b.n.rails.All()
	for _, r := range rails {
		if rail != "" && rail != r.Name() {
			continue
		}
		some, err := r.Journal().List(f)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func paymentView(e payments.Entry) api.Payment {
	memo := e.Memo
	if e.Reason != "" {
		memo += ": " + e.Reason
	}
	return api.Payment{
		Ref: string(e.Ref), Rail: e.Rail, Direction: string(e.Direction), Peer: e.Peer.String(),
		Amount: amountView(e.Amount), State: string(e.State), Memo: memo, AtMS: e.Updated.UnixMilli(),
	}
}

func amountView(a payments.Amount) api.Amount {
	return api.Amount{Amount: a.Value, Unit: string(a.Unit)}
}

// Payment shows one entry with its history and evidence.
func (b moneyBackend) Payment(ctx context.Context, ref string) (api.PaymentDetail, error) {
	if err := payments.Ref(ref).Validate(); err != nil {
		return api.PaymentDetail{}, api.Errorf(api.CodeBadRequest, "infernet payments list shows refs", "ref: %v", err)
	}
	rails, _ := b.n.rails.All()
	for _, r := range rails {
		e, err := r.Status(ctx, payments.Ref(ref))
		if errors.Is(err, payments.ErrNoEntry) {
			continue
		}
		if err != nil {
			return api.PaymentDetail{}, err
		}
		d := api.PaymentDetail{
			Payment: paymentView(e), Reason: e.Reason, Tries: e.Tries, Created: e.Created.UnixMilli(),
			Doc: evidenceView(e.Doc), Answer: evidenceView(e.Answer), Steps: []api.PaymentStep{},
		}
		d.Memo = e.Memo
		if d.Receipt, err = b.n.receiptFor(e); err != nil {
			return d, err
		}
		return d, nil
	}
	return api.PaymentDetail{}, api.Errorf(api.CodeNotFound, "infernet payments list shows all", "no payment %.80q", ref)
}

// Movements lists what moved on the rails themselves, newest first.
func (b moneyBackend) Movements(_ context.Context, rail string) ([]api.Movement, error) {
	out := []api.Movement{}
	for prefix := range movements {
		entries, err := b.entries(rail, payments.Filter{Prefix: prefix})
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p := paymentView(e)
			out = append(out, api.Movement{
				AtMS: p.AtMS, Rail: p.Rail, Kind: movement(e.Ref), Ref: p.Ref, Peer: p.Peer,
				Out: e.Direction == payments.Out, Amount: p.Amount, State: p.State, Memo: p.Memo,
			})
		}
	}
	slices.SortStableFunc(out, func(x, y api.Movement) int { return cmp.Compare(y.AtMS, x.AtMS) })
	return out, nil
}

// Earnings adds up what is charged for certain. Movements make payments good
// and are none themselves.
func (b moneyBackend) Earnings(_ context.Context, by string) ([]api.Earning, error) {
	type heading struct{ key, rail string }
	sums := map[heading]*api.Earning{}
	entries, err := b.entries("", payments.Filter{State: payments.StateCaptured})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if movement(e.Ref) != "" {
			continue
		}
		h := heading{key: headingOf(e, by), rail: e.Rail}
		sum := sums[h]
		if sum == nil {
			sum = &api.Earning{Key: h.key, Rail: h.rail, Unit: string(e.Amount.Unit)}
			sums[h] = sum
		}
		sum.Count++
		if e.Direction == payments.In {
			sum.Earned += e.Amount.Value
		} else {
			sum.Spent += e.Amount.Value
		}
	}
	out := []api.Earning{}
	for _, sum := range sums {
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(x, y api.Earning) int {
		return cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(x.Rail, y.Rail))
	})
	return out, nil
}

func headingOf(e payments.Entry, by string) string {
	switch by {
	case "peer":
		return e.Peer.String()
	case "day":
		return e.Updated.UTC().Format(time.DateOnly)
	}
	job, _, _ := strings.Cut(string(e.Ref), "/")
	return job
}
