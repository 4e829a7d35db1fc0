package node

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// movement is the kind of a movement: money that moves on a rail itself. It is
// "" for what pays for one thing that somebody did.
func movement(ref payments.Ref) string {
	switch ref.Class() {
	case payments.ClassSettle:
		return "settlement"
	case payments.ClassHold:
		return "hold"
	case payments.ClassChain: // chain/WHAT/CHANNEL/N
		what, _, _ := strings.Cut(strings.TrimPrefix(string(ref), payments.ClassChain), "/")
		return what
	}
	return ""
}

func (b moneyBackend) Payments(_ context.Context, q api.PaymentQuery) ([]api.Payment, error) {
	if err := b.checkQuery(q); err != nil {
		return nil, err
	}
	f := payments.Filter{Direction: payments.Direction(q.Direction), State: payments.State(q.State), Prefix: q.Job, Open: q.Open}
	if q.Peer != "" {
		peer, err := identity.ParsePubKey(q.Peer)
		if err != nil {
			return nil, api.Errorf(api.CodeBadRequest, "a node is named by its npub, as infernet status prints it", "peer: %v", err)
		}
		f.Peer = peer
	}
	f.Work, f.Limit = true, cmp.Or(q.Max, maxListed)
	entries, err := b.newest(q.Rail, f)
	if err != nil {
		return nil, err
	}
	out := []api.Payment{}
	for _, e := range entries {
		out = append(out, paymentView(e))
	}
	return out, nil
}

// checkQuery refuses what would silently list nothing.
func (b moneyBackend) checkQuery(q api.PaymentQuery) error {
	if q.Max < 0 {
		return api.Errorf(api.CodeBadRequest, "", "max: %d is not possible", q.Max)
	}
	states := []string{
		string(payments.StateQuoted), string(payments.StateHeld), string(payments.StateCaptured),
		string(payments.StateReleased), string(payments.StateUnknown),
	}
	return cmp.Or(
		b.checkRail(q.Rail),
		oneOf("direction", q.Direction, string(payments.In), string(payments.Out)),
		oneOf("state", q.State, states...),
	)
}

// checkRail refuses the name of a rail that is not here; "" is all of them.
func (b moneyBackend) checkRail(name string) error {
	return oneOf("rail", name, railNames()...) // with no wallet there is nothing to list
}

// oneOf refuses a word that is none of those; "" is any of them.
func oneOf(what, word string, all ...string) error {
	if word == "" || slices.Contains(all, word) {
		return nil
	}
	return api.Errorf(api.CodeBadRequest, "one of: "+strings.Join(all, ", "), "%s: %.40q is not possible", what, word)
}

// maxListed is how many entries are listed where nobody says how many.
const maxListed = 1000

// newest are the latest entries of one rail, or of all.
func (b moneyBackend) newest(rail string, f payments.Filter) (out []payments.Entry, err error) {
	rails, _ := b.n.rails.All()
	for _, r := range rails {
		if rail != "" && rail != r.Name() {
			continue
		}
		page, _, err := r.Journal().Page(f)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
	}
	slices.SortStableFunc(out, func(x, y payments.Entry) int { return y.Created.Compare(x.Created) })
	return out[:min(len(out), f.Limit)], nil
}

func paymentView(e payments.Entry) api.Payment {
	memo := e.Memo
	switch {
	case memo == "":
		memo = e.Reason
	case e.Reason != "":
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

// Payment shows one entry with its history and evidence. Refs are the payers'
// choice, so several may be called alike: with no peer it is the one paid, else
// one that was received, and the others are named beside it.
func (b moneyBackend) Payment(_ context.Context, ref, npub string) (api.PaymentDetail, error) {
	if err := payments.Ref(ref).Validate(); err != nil {
		return api.PaymentDetail{}, api.Errorf(api.CodeBadRequest, "infernet payments list shows refs", "ref: %v", err)
	}
	var peer identity.PubKey
	if npub != "" {
		var err error
		if peer, err = identity.ParsePubKey(npub); err != nil {
			return api.PaymentDetail{}, api.Errorf(api.CodeBadRequest, "an npub", "peer: %v", err)
		}
	}
	all, err := b.under(payments.Ref(ref), peer)
	if err != nil {
		return api.PaymentDetail{}, err
	}
	if len(all) == 0 {
		return api.PaymentDetail{}, api.Errorf(api.CodeNotFound, "infernet payments list shows all", "no payment %.80q", ref)
	}
	e := all[0]
	rail, _ := b.n.rails.Named(e.Rail)
	doc, answer, err := rail.Journal().EvidenceOf(e)
	if err != nil {
		return api.PaymentDetail{}, err
	}
	d := api.PaymentDetail{
		Payment: paymentView(e), Reason: e.Reason, Tries: e.Tries, Created: e.Created.UnixMilli(),
		Doc: evidenceView(doc), Answer: evidenceView(answer), Steps: []api.PaymentStep{},
	}
	d.Memo = e.Memo
	for _, s := range e.Steps {
		d.Steps = append(d.Steps, api.PaymentStep{AtMS: s.At.UnixMilli(), State: string(s.State), Why: s.Reason})
	}
	for _, o := range all[1:] {
		d.Alike = append(d.Alike, paymentView(o))
	}
	d.Receipt, err = b.n.receiptFor(e)
	return d, err
}

// mostAlike is how many payments of one ref are named.
const mostAlike = 100

// under are the entries of all rails for ref with peer, or with anyone: what was
// paid, what was received, what is expected, and the rest.
func (b moneyBackend) under(ref payments.Ref, peer identity.PubKey) (out []payments.Entry, err error) {
	rails, _ := b.n.rails.All()
	for _, r := range rails {
		all, err := r.Journal().Under(ref)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if peer.IsZero() || e.Peer == peer {
				out = append(out, e)
			}
		}
	}
	rank := func(e payments.Entry) int {
		switch {
		case e.Direction == payments.Out:
			return 0
		case e.State == payments.StateCaptured:
			return 1
		case e.State.Open():
			return 2
		}
		return 3
	}
	slices.SortStableFunc(out, func(x, y payments.Entry) int { return cmp.Compare(rank(x), rank(y)) })
	return out[:min(len(out), mostAlike)], nil
}

// Movements lists what moved on the rails themselves, newest first.
func (b moneyBackend) Movements(_ context.Context, rail string) ([]api.Movement, error) {
	if err := b.checkRail(rail); err != nil {
		return nil, err
	}
	var all []payments.Entry
	for _, class := range []string{payments.ClassSettle, payments.ClassHold, payments.ClassChain} {
		some, err := b.newest(rail, payments.Filter{Prefix: class, Limit: maxListed})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(x, y payments.Entry) int { return y.Created.Compare(x.Created) })
	out := []api.Movement{}
	for _, e := range all {
		p := paymentView(e)
		out = append(out, api.Movement{
			AtMS: p.AtMS, Rail: p.Rail, Kind: movement(e.Ref), Ref: p.Ref, Peer: p.Peer,
			Out: e.Direction == payments.Out, Amount: p.Amount, State: p.State, Memo: p.Memo,
		})
	}
	return out, nil
}

// Earnings adds up what is charged for certain. Movements make payments good
// and are none themselves.
func (b moneyBackend) Earnings(_ context.Context, by string) ([]api.Earning, error) {
	out := []api.Earning{}
	rails, _ := b.n.rails.All()
	for _, r := range rails {
		totals, err := r.Journal().Group(payments.Filter{}, payments.By(by))
		if err != nil {
			return nil, err
		}
		for _, t := range totals {
			out = append(out, api.Earning{Key: t.Key, Rail: r.Name(), Unit: string(t.Unit), Earned: t.Earned, Spent: t.Spent, Count: t.Count})
		}
	}
	slices.SortStableFunc(out, func(x, y api.Earning) int { return cmp.Compare(x.Key, y.Key) })
	return out, nil
}
