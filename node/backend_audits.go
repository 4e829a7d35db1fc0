package node

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// Audits implements api.Inference.
func (b inferenceBackend) Audits(context.Context) (api.Audits, error) {
	s := b.n.router.AuditStats()
	return api.Audits{
		Drawn: s.Drawn, Replayed: s.Replayed, Tokens: s.Tokens, Passed: s.Passed, Suspected: s.Suspected, Confirmed: s.Confirmed,
		Inconclusive: s.Inconclusive, Dropped: s.Dropped, Spent: s.Spent, Unit: string(payments.Credits),
	}, nil
}

// Replay implements api.Inference.
func (b inferenceBackend) Replay(ctx context.Context, q api.ReplayQuery) (api.Replayed, error) {
	not := make([]identity.PubKey, 0, len(q.Not))
	for _, npub := range q.Not {
		k, err := identity.ParsePubKey(npub)
		if err != nil {
			return api.Replayed{}, api.Errorf(api.CodeBadRequest, "give an npub", "not: %v", err)
		}
		not = append(not, k)
	}
	out, by, err := b.n.router.ReplayAt(ctx, q.Model, q.Request, not)
	if err != nil {
		return api.Replayed{}, err
	}
	return api.Replayed{By: by.String(), Response: out}, nil
}

// LeaseEvidence implements api.Inference.
func (b inferenceBackend) LeaseEvidence(_ context.Context, id string) (api.LeaseEvidence, error) {
	lease, err := b.leaseID(id)
	if err != nil {
		return api.LeaseEvidence{}, err
	}
	p, ok, err := b.n.router.ProofOf(lease)
	if err != nil {
		return api.LeaseEvidence{}, err
	}
	if !ok {
		return api.LeaseEvidence{}, api.Errorf(api.CodeNotFound, "infernet lease list tells how leases ended", "nothing was found about the provider of the lease %.64q", id)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return api.LeaseEvidence{}, err
	}
	out := api.LeaseEvidence{
		Lease: p.Lease.String(), Provider: p.Provider.String(), Model: p.Model, Image: p.Image, Class: p.Class,
		At: time.Unix(p.At, 0).UTC(), Answers: len(p.Answers), Findings: []api.LeaseFinding{}, Proof: raw,
	}
	for _, f := range p.Findings {
		v := api.LeaseFinding{By: []string{}, Answer: string(f.Answer), Why: f.Why}
		for _, k := range f.By {
			v.By = append(v.By, k.String())
		}
		out.Findings = append(out.Findings, v)
	}
	return out, nil
}

// leaseID is the lease that a name, which may be shortened for those of this
// node, stands for.
func (b inferenceBackend) leaseID(id string) (wire.ID, error) {
	var found []wire.ID
	for _, l := range b.n.router.Leases() {
		if id != "" && strings.HasPrefix(l.Lease.String(), id) {
			found = append(found, l.Lease)
		}
	}
	if len(found) > 1 {
		return wire.ID{}, api.Errorf(api.CodeBadRequest, "give more of it", "%d leases begin with %.64q", len(found), id)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	var whole wire.ID
	if err := whole.UnmarshalText([]byte(id)); err != nil {
		return wire.ID{}, api.Errorf(api.CodeNotFound, "infernet lease list shows the leases of this node", "no lease %.64q", id)
	}
	return whole, nil
}
