package node

import (
	"context"

	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// search finds who serves a model now, each with its own quote. Without a model
// it looks at every model that is served.
func (b marketBackend) search(ctx context.Context, q api.ProviderQuery) (api.ProviderList, error) {
	out := api.ProviderList{Providers: []api.Provider{}, Dropped: []api.Candidate{}}
	models := []string{q.Model}
	if q.Model == "" {
		known, err := b.n.router.Models(ctx)
		if err != nil {
			return out, err
		}
		models = nil
		for _, m := range known {
			models = append(models, m.CID)
		}
	}
	filter, err := gpu.ParseFilter(q.GPU)
	if err != nil {
		return out, api.Errorf(api.CodeBadRequest, "write vram>=24 (GB), name~h100 or count>=2, with commas between", "gpu: %v", err)
	}
	s := served{out: &out, at: map[identity.PubKey]int{}}
	for _, model := range models {
		found, dropped, err := b.n.router.Candidates(ctx, infer.Query{
			Model: model, MaxIn: limit(q.MaxPriceIn), MaxOut: limit(q.MaxPriceOut), MinReputation: q.MinReputation,
		})
		if err != nil {
			return out, err
		}
		for _, c := range found {
			if !filter.Match(devices(c.GPUs)) {
				s.drop(c.Peer, "gpu: its cards are not "+filter.String())
				continue
			}
			s.add(c)
		}
		for _, d := range dropped {
			s.drop(d.Peer, d.Stage+": "+d.Reason)
		}
	}
	return out, nil
}

// limit is a price that the API has read already; "" is none.
func limit(text string) payments.Amount {
	a, _ := payments.ParsePrice(text)
	return a
}

// devices are cards as their provider tells them.
func devices(told []wire.GPU) []gpu.Device {
	out := make([]gpu.Device, 0, len(told))
	for i, g := range told {
		out = append(out, gpu.Device{ID: g.UUID, Index: i, Name: g.Name, VRAMBytes: g.VRAMBytes})
	}
	return out
}

// served gathers the list: one provider may serve several models.
type served struct {
	out *api.ProviderList
	at  map[identity.PubKey]int // a provider's place in the list
}

func (s served) drop(p identity.PubKey, reason string) {
	s.out.Dropped = append(s.out.Dropped, api.Candidate{NPub: p.String(), Reason: reason})
}

func (s served) add(c infer.Candidate) {
	i, known := s.at[c.Peer]
	if !known {
		i = len(s.out.Providers)
		s.at[c.Peer] = i
		s.out.Providers = append(s.out.Providers, s.provider(c))
	}
	s.out.Providers[i].Serves = append(s.out.Providers[i].Serves, api.Served{
		Name: c.Name, CID: c.Model, In: c.In, Out: c.Out, Unit: c.Unit, TPS: float64(c.TPSMilli) / 1000, TTFTMS: c.TTFTMS,
		Context: int(c.Context), Parallel: int(c.Slots), Queue: int(c.Queue),
	})
}

// provider is what is known of a candidate's machine.
func (s served) provider(c infer.Candidate) api.Provider {
	p := api.Provider{
		NPub: c.Peer.String(), Class: c.Class, Via: c.Via, Score: c.Reputation, Slots: int(c.Slots), GPUs: []api.GPU{},
	}
	for _, g := range c.GPUs {
		p.GPUs = append(p.GPUs, api.GPU{Name: g.Name, VRAM: g.VRAMBytes})
	}
	return p
}
