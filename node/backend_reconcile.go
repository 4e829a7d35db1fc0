package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/rails"
	"infernet.tech/infernet/reputation"
)

// Reconcile has every rail compare its journal with the other side and with the
// money behind it, and compares the journal with the receipts here: rails know
// nothing of what a payment was for.
func (b moneyBackend) Reconcile(ctx context.Context) ([]api.Reconciled, error) {
	all, _ := b.n.rails.All()
	out := []api.Reconciled{}
	for _, r := range all {
		one := api.Reconciled{Rail: r.Name(), Differences: []api.Difference{}}
		if c, ok := r.(payments.Reconciler); ok {
			report, err := c.Reconcile(ctx)
			if err != nil {
				one.Error = err.Error()
			}
			one.Entries, one.TookMS = report.Entries, report.Took.Milliseconds()
			for _, d := range report.Differences {
				one.Differences = append(one.Differences, differenceView(d))
			}
		}
		began := time.Now()
		wrong, err := b.n.againstReceipts(r)
		if err != nil {
			return nil, err
		}
		one.Differences = append(one.Differences, wrong...)
		one.TookMS += time.Since(began).Milliseconds()
		out = append(out, one)
	}
	return out, nil
}

func differenceView(d payments.Difference) api.Difference {
	v := api.Difference{
		Ref: string(d.Ref), Kind: d.Kind, What: d.What, Certain: d.Certain, Doing: d.Doing,
		Amount: amountView(d.Amount), Mended: d.Mended,
	}
	if !d.Peer.IsZero() {
		v.Peer = d.Peer.String()
	}
	return v
}

// receiptPatience is how long after a payment its receipt may still come.
const receiptPatience = 5 * time.Minute

// againstReceipts finds payments without a receipt, and receipts that tell of
// another amount than was paid.
func (n *Node) againstReceipts(r rails.Rail) (out []api.Difference, err error) {
	entries, err := r.Journal().List(payments.Filter{State: payments.StateCaptured, Work: true})
	if err != nil {
		return nil, err
	}
	now, jobs := time.Now(), map[string]map[paidAs]reputation.Record{}
	for _, e := range entries {
		if now.Sub(e.Updated) < receiptPatience {
			continue
		}
		job, _, _ := strings.Cut(string(e.Ref), "/")
		if jobs[job] == nil {
			if jobs[job], err = n.receiptsOf(job); err != nil {
				return nil, err
			}
		}
		rec, ok := jobs[job][paidAs{string(e.Ref), e.Peer}]
		switch {
		case !ok:
			out = append(out, difference(e, "receipt", "it is charged and has no receipt",
				"both sides signed the charge itself", "nothing: the charge stands, and the receipt was lost or never came"))
		case rec.Receipt.Amount != e.Amount.Value || rec.Receipt.Unit != string(e.Amount.Unit):
			out = append(out, difference(e, "receipt", fmt.Sprintf("%s is charged, its receipt says %d %s", e.Amount, rec.Receipt.Amount, rec.Receipt.Unit),
				"the charge, which both sides signed", "nothing by itself: take it up with the peer, with both documents"))
		}
	}
	return out, nil
}

func difference(e payments.Entry, kind, what, certain, doing string) api.Difference {
	return api.Difference{
		Ref: string(e.Ref), Peer: e.Peer.String(), Kind: kind, What: what, Certain: certain, Doing: doing, Amount: amountView(e.Amount),
	}
}

// paidAs is a payment as receipts name it: a ref, and the other side, for two of
// those may call their payments alike.
type paidAs struct {
	ref  string
	peer identity.PubKey
}

// receiptsOf are a job's receipts by what they say was paid.
func (n *Node) receiptsOf(job string) (map[paidAs]reputation.Record, error) {
	out := map[paidAs]reputation.Record{}
	id, err := wire.ParseID(job)
	if err != nil {
		return out, nil // a ref of something that has no receipts
	}
	all, err := n.book.ByJob(id)
	if err != nil {
		return nil, err
	}
	for _, rec := range all {
		if rec.Receipt.PayRef != "" {
			peer := rec.Receipt.Payer
			if peer == n.key.PubKey() {
				peer = rec.Receipt.Provider
			}
			out[paidAs{rec.Receipt.PayRef, peer}] = rec
		}
	}
	return out, nil
}

// receiptFor is the id of the receipt that names the payment; "" when none does.
func (n *Node) receiptFor(e payments.Entry) (string, error) {
	job, _, _ := strings.Cut(string(e.Ref), "/")
	all, err := n.receiptsOf(job)
	if err != nil {
		return "", err
	}
	rec, ok := all[paidAs{string(e.Ref), e.Peer}]
	if !ok {
		return "", nil
	}
	return rec.ID.String(), nil
}

// evidenceView shows a signed document as it is, where it is JSON.
func evidenceView(raw []byte) json.RawMessage {
	if !json.Valid(raw) {
		return nil
	}
	return raw
}
