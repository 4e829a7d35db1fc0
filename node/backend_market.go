package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// marketBackend is the network's providers as this node sees them.
type marketBackend struct{ n *Node }

var _ api.Market = marketBackend{}

// defaultLook is how many providers are looked at when nobody says.
const defaultLook = 64

func (b marketBackend) Providers(ctx context.Context, q api.ProviderQuery) (api.ProviderList, error) {
	if q.Model != "" || q.Quotes {
		return b.search(ctx, q)
	}
	keys := []dht.Key{dht.Any}
	for i, k := range q.Keys {
		if i == 0 {
			keys = nil
		}
		keys = append(keys, dht.Key(k))
	}
	limit := q.Max
	if limit <= 0 {
		limit = defaultLook
	}
	found, err := b.n.dht.Search(ctx, dht.Query{Keys: keys, Max: limit})
	if err != nil {
		return api.ProviderList{}, err
	}
	out := api.ProviderList{Providers: []api.Provider{}, Dropped: []api.Candidate{}}
	for _, f := range found {
		p, err := b.show(f)
		if err != nil {
			return out, err
		}
		if p.Score < q.MinReputation {
			out.Dropped = append(out.Dropped, api.Candidate{
				NPub: p.NPub, Reason: fmt.Sprintf("reputation: %.2f, at least %.2f", p.Score, q.MinReputation),
			})
			continue
		}
		out.Providers = append(out.Providers, p)
	}
	return out, nil
}

func (b marketBackend) show(f dht.Found) (api.Provider, error) {
	o := f.Offer
	p := api.Provider{
		NPub: f.Peer.String(), Class: o.Class, OS: o.Hardware.OS, Arch: o.Hardware.Arch, CPU: o.Hardware.CPUModel,
		Cores: int(o.Hardware.Cores), Memory: o.Hardware.MemoryBytes, Disk: o.Hardware.DiskBytes,
		GPUs: []api.GPU{}, Isolation: o.Isolation, Slots: int(o.Slots), Models: o.Models, Images: o.Images,
		Version: o.Version, Via: string(f.Via),
	}
	for _, g := range o.Hardware.GPUs {
		p.GPUs = append(p.GPUs, api.GPU{Name: g.Name, VRAM: g.VRAMBytes})
	}
	for _, r := range o.Rates {
		rail := job.RailOf(payments.Unit(r.Unit))
		if !slices.Contains(o.Rails, rail) {
			continue // a price on no rail that it has
		}
		p.Rates = append(p.Rates, api.Rate{Rail: rail, Base: r.Base, PerUnit: r.PerUnit, Unit: r.Unit})
	}
	if operator, ok := o.OperatedBy(time.Now()); ok {
		p.Operator = operator.String()
	}
	var err error
	p.Score, err = scored{b.n.book, b.n.trust}.Score(time.Now(), f.Peer)
	return p, err
}

// Reputation is what is thought of a node; a stranger has no score.
func (b marketBackend) Reputation(_ context.Context, npub string) (api.Reputation, error) {
	peer, err := identity.ParsePubKey(npub)
	if err != nil {
		return api.Reputation{}, api.Errorf(api.CodeBadRequest, "give an npub", "%v", err)
	}
	r, x, err := trustBackend(b).opinion(peer)
	r.Explain = lines(x)
	return r, err
}

// lines explains a score receipt by receipt.
func lines(x reputation.Explanation) string {
	var b strings.Builder
	for _, i := range x.Items {
		fmt.Fprintf(&b, "receipt %s of %s: %s, %s, %d %s: good %.3f, bad %.3f\n",
			i.Receipt.Short(), i.When.UTC().Format(time.RFC3339), i.Verdict, i.Label, i.Amount, i.Unit, i.Good, i.Bad)
	}
	fmt.Fprintf(&b, "sum: good %.3f, bad %.3f; expected share of right results %.3f, its lower bound %.3f", x.Good, x.Bad, x.Mean, x.Score)
	return b.String()
}
