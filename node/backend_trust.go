package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/reputation"
)

// trustBackend tells how work is checked and what is known of others.
type trustBackend struct{ n *Node }

var _ api.Trust = trustBackend{}

// Estimate refuses a faulty description; there are no quotes without a driver
// that asks for them.
func (b trustBackend) Estimate(_ context.Context, req api.SubmitRequest) (api.Estimate, error) {
	if _, err := job.ParseSpec([]byte(req.Spec), "job.yaml"); err != nil {
		return api.Estimate{}, specError(err)
	}
	return api.Estimate{}, api.Errorf(api.CodeNotReady, "infernet job run with payment: {max: …} bounds what is spent", "this node asks for no quotes ahead of a job")
}

// Bundles returns the receipts of a job.
func (b trustBackend) Bundles(ctx context.Context, id string) ([]api.Receipt, error) {
	return jobsBackend(b).Receipts(ctx, id)
}

func (b trustBackend) Evidence(_ context.Context, id string, shard int) (api.Evidence, error) {
	j, err := jobsBackend(b).find(id)
	if err != nil {
		return api.Evidence{}, err
	}
	if shard >= len(j.Shards) {
		return api.Evidence{}, api.Errorf(api.CodeNotFound, "", "job %s has %d shards, counted from 0", j.ID.Short(), len(j.Shards))
	}
	return api.Evidence{}, api.Errorf(api.CodeNotFound, "infernet job explain tells what happened", "shard %d of job %s was not disputed", shard, j.ID.Short())
}

// Reputations is the best first.
func (b trustBackend) Reputations(context.Context) ([]api.Reputation, error) {
	peers, err := b.n.book.Peers()
	if err != nil {
		return nil, err
	}
	out := []api.Reputation{}
	for _, peer := range peers {
		x, err := b.n.book.Explain(time.Now(), peer)
		if err != nil {
			return nil, err
		}
		out = append(out, opinion(peer, x))
	}
	slices.SortStableFunc(out, func(a, b api.Reputation) int { return cmp.Compare(b.Score, a.Score) })
	return out, nil
}

func opinion(peer identity.PubKey, x reputation.Explanation) api.Reputation {
	out := api.Reputation{
		NPub: peer.String(), Score: x.Score, Direct: x.Score, Known: len(x.Items) > 0, Receipts: len(x.Items), Fraud: x.Fraud,
	}
	for _, i := range x.Items {
		if i.Good > 0 {
			out.Good++
		}
		if i.Bad > 0 {
			out.Bad++
		}
	}
	return out
}

func (b trustBackend) ExplainReputation(_ context.Context, npub string) (api.ReputationExplanation, error) {
	peer, err := identity.ParsePubKey(npub)
	if err != nil {
		return api.ReputationExplanation{}, api.Errorf(api.CodeBadRequest, "give an npub", "%v", err)
	}
	x, err := b.n.book.Explain(time.Now(), peer)
	if err != nil {
		return api.ReputationExplanation{}, err
	}
	out := api.ReputationExplanation{
		Reputation: opinion(peer, x), Mean: x.Mean, GoodSum: x.Good, BadSum: x.Bad,
		Items: []api.ReputationItem{}, Vouches: []api.Vouch{}, Notes: []string{},
	}
	for _, i := range x.Items {
		out.Items = append(out.Items, api.ReputationItem{
			Receipt: i.Receipt.String(), At: i.When, Verdict: string(i.Verdict), Label: i.Label,
			Amount: api.Amount{Amount: i.Amount, Unit: i.Unit}, Weight: i.Weight, Decay: i.Decay, Good: i.Good, Bad: i.Bad,
		})
	}
	return out, nil
}

func (b trustBackend) Frauds(context.Context) ([]api.Fraud, error) { return nil, nil }

func (b trustBackend) Profiles(context.Context) ([]api.Profile, error) { return nil, nil }

func (b trustBackend) Profile(_ context.Context, ref string) (api.Profile, error) {
	return api.Profile{}, api.Errorf(api.CodeNotFound, "infernet verifier list shows those that are here", "no profile %.80q", ref)
}

func (b trustBackend) AddProfile(context.Context, []byte) (api.Profile, error) {
	return api.Profile{}, api.Errorf(api.CodeNotReady, "infernet data add keeps the file", "this node keeps no profiles")
}
