package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/reputation"
)

// Reputations is the best first: of all with whom there is a receipt, and of
// whom a fraud is proven.
func (b trustBackend) Reputations(context.Context) ([]api.Reputation, error) {
	peers, err := b.n.book.Peers()
	if err != nil {
		return nil, err
	}
	for _, f := range b.n.trust.Opinions().Frauds(identity.PubKey{}) {
		if !slices.Contains(peers, f.Subject) {
			peers = append(peers, f.Subject)
		}
	}
	out := []api.Reputation{}
	for _, peer := range peers {
		r, _, err := b.opinion(peer)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b api.Reputation) int { return cmp.Compare(b.Score, a.Score) })
	return out, nil
}

// opinion is what is thought of a peer, and why.
func (b trustBackend) opinion(peer identity.PubKey) (api.Reputation, reputation.Explanation, error) {
	now := time.Now()
	x, err := b.n.trust.Explain(now, peer)
	if err != nil {
		return api.Reputation{}, x, err
	}
	s, err := b.n.trust.Standing(now, peer, reputation.App{}, "")
	if err != nil {
		return api.Reputation{}, x, err
	}
	out := api.Reputation{
		NPub: peer.String(), Score: x.Score, Direct: x.Direct, Indirect: x.Indirect, Suspect: x.Suspect, Fraud: x.Fraud, Caught: s.Caught,
		Known: s.Known || len(x.Via) > 0, Receipts: len(x.Items) + x.Older.Count, Owes: int(s.Owes),
	}
	for _, i := range x.Items {
		if i.Good > 0 {
			out.Good++
		}
		if i.Bad > 0 {
			out.Bad++
		}
	}
	return out, x, nil
}

// ExplainReputation lists all that a score is made of.
func (b trustBackend) ExplainReputation(_ context.Context, npub string) (api.ReputationExplanation, error) {
	peer, err := identity.ParsePubKey(npub)
	if err != nil {
		return api.ReputationExplanation{}, api.Errorf(api.CodeBadRequest, "give an npub", "%v", err)
	}
	r, x, err := b.opinion(peer)
	if err != nil {
		return api.ReputationExplanation{}, err
	}
	out := api.ReputationExplanation{
		Reputation: r, Mean: x.Mean, GoodSum: x.Good + x.Indirect, BadSum: x.Bad, Flow: x.Flow,
		Items: []api.ReputationItem{}, Vouches: []api.Vouch{}, Notes: notes(x),
	}
	for _, i := range x.Items {
		out.Items = append(out.Items, api.ReputationItem{
			Receipt: i.Receipt.String(), At: i.When, Verdict: string(i.Verdict), Blame: i.Blame, Label: i.Label,
			Amount: api.Amount{Amount: i.Amount, Unit: i.Unit}, Weight: i.Weight, Decay: i.Decay, Good: i.Good, Bad: i.Bad,
		})
	}
	return out, b.vouches(peer, x, &out)
}

// vouches adds the words of others, as they wrote them.
func (b trustBackend) vouches(peer identity.PubKey, x reputation.Explanation, out *api.ReputationExplanation) error {
	for _, v := range x.Via {
		w := api.Vouch{NPub: v.Peer.String(), Flow: v.Value}
		if d, at, ok := b.n.trust.Opinions().Digest(v.Peer); ok {
			w.Day = time.Unix(at, 0).UTC().Format(time.DateOnly)
			for _, row := range d.Rows {
				if row.Subject == peer {
					w.Good, w.Bad = row.Good, row.Bad
				}
			}
		}
		out.Vouches = append(out.Vouches, w)
	}
	return nil
}

// notes tell what the numbers do not.
func notes(x reputation.Explanation) []string {
	out := []string{}
	if c := x.Chain; c.Gaps > 0 {
		out = append(out, fmt.Sprintf("%d of its receipts are missing between those that are here", c.Gaps))
	}
	if c := x.Chain; c.Forks > 0 {
		out = append(out, fmt.Sprintf("it signed %d receipts that contradict others of its own", c.Forks))
	}
	if o := x.Older; o.Count > 0 {
		out = append(out, fmt.Sprintf("%d older receipts are not listed: good %.3f, bad %.3f", o.Count, o.Good, o.Bad))
	}
	if x.Fraud {
		out = append(out, "a fraud of it is proven: infernet reputation frauds")
	}
	if x.Suspect {
		out = append(out, "all that it computes is checked, whatever its score")
	}
	return out
}
