package node

import (
	"context"
	"errors"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// Receipts lists the receipts of a job that this node drove, or worked on for
// others.
func (b jobsBackend) Receipts(_ context.Context, id string) ([]api.Receipt, error) {
	of, err := b.party(id)
	if err != nil {
		return nil, err
	}
	return b.n.receipts(of)
}

// party finds the job that id begins: one of this node's own, or one whose
// receipts name it.
func (b jobsBackend) party(id string) (wire.ID, error) {
	j, err := b.find(id)
	if err == nil || id == "" {
		return j.ID, err
	}
	theirs, lerr := b.n.book.Jobs(id, 2)
	switch {
	case lerr != nil:
		return wire.ID{}, lerr
	case len(theirs) == 0:
		return wire.ID{}, err
	case len(theirs) > 1:
		return wire.ID{}, api.Errorf(api.CodeNotFound, "give more of the id", "several jobs begin with %q", id)
	}
	return theirs[0], nil
}

// receipts are those of a job, or of a lease.
func (n *Node) receipts(of wire.ID) ([]api.Receipt, error) {
	records, err := n.book.ByJob(of)
	if err != nil {
		return nil, err
	}
	out := []api.Receipt{}
	for _, r := range records {
		out = append(out, showReceipt(r))
	}
	return out, nil
}

// Bundles returns the receipts of a job, each with what proves it.
func (b trustBackend) Bundles(ctx context.Context, id string) ([]api.Receipt, error) {
	of, err := jobsBackend(b).party(id)
	if err != nil {
		return nil, err
	}
	records, err := b.n.book.ByJob(of)
	if err != nil {
		return nil, err
	}
	out := []api.Receipt{}
	for _, rec := range records {
		r := showReceipt(rec)
		if r.Doc, err = b.n.bundle(ctx, rec); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// bundle is a receipt with all that this node holds of it, as the side that it
// was on.
func (n *Node) bundle(ctx context.Context, rec reputation.Record) (api.Raw, error) {
	from := n.agg.Bundle
	if rec.Receipt.Provider == n.key.PubKey() {
		from = n.work.Bundle
	}
	b, err := from(rec)
	if err != nil {
		return nil, err
	}
	if err := n.withNote(ctx, &b, rec.Receipt); err != nil {
		return nil, err
	}
	raw, err := b.JSON()
	return api.Raw(raw), err
}

// withNote adds the payer's note of debt and the payee's signature under it.
func (n *Node) withNote(ctx context.Context, b *reputation.Bundle, r wire.Receipt) error {
	if r.Amount == 0 {
		return nil
	}
	way, peer := payments.Out, r.Provider
	if r.Provider == n.key.PubKey() {
		way, peer = payments.In, r.Payer
	}
	doc, answer, err := n.rails.Evidence(ctx, payments.Unit(r.Unit), way, peer, payments.Ref(r.PayRef))
	if errors.Is(err, payments.ErrUnit) || errors.Is(err, payments.ErrSyntax) || errors.Is(err, payments.ErrConflict) {
		return nil // nothing that this node could have paid or been paid
	}
	if err != nil {
		return err
	}
	// Of what was locked before the work the promise is no note.
	note, err := wire.Parse(doc)
	if err != nil || note.Kind != wire.KindCreditNote {
		return nil
	}
	b.Payment = &note
	if by, err := wire.Parse(answer); err == nil && by.Kind == wire.KindCountersign {
		b.Taken = &by
	}
	return nil
}

func showReceipt(r reputation.Record) api.Receipt {
	signed := "payer"
	switch {
	case r.Countersigned:
		signed = "both"
	case r.Author == r.Receipt.Provider:
		signed = "provider"
	}
	c := r.Receipt
	return api.Receipt{
		ID: r.ID.String(), Job: c.Job.String(), Shard: int(c.Shard), Attempt: int(c.Attempt),
		Provider: c.Provider.String(), Payer: c.Payer.String(),
		Amount:  api.Amount{Amount: c.Amount, Unit: c.Unit},
		Verdict: c.Verdict, Label: c.Label, Signed: signed, Doc: r.JSON(),
		Class: c.Class, Blame: c.Blame, Audits: int(c.Audits), Rate: float64(c.RatePPM) / audit.All, Seq: c.Seq,
	}
}
