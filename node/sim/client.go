package sim

import (
	"strings"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/market"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// client is a node that asks for jobs: it is its own aggregator.
type client struct {
	key      *identity.Key
	strategy Strategy
	ledger   *reputation.Ledger
	paid     float64
}

// digest is the image of every job.
var digest = "sha256:" + strings.Repeat("5a", 32)

// Like those of the aggregator.
const (
	maxAsked   = 24 // providers asked for a quote at once
	explorePct = 10 // of places for providers without a history
)

func (w *world) newClient(s Strategy) error {
	k, err := w.newKey()
	if err != nil {
		return err
	}
	c := &client{key: k, strategy: s, ledger: reputation.NewLedger(k.PubKey(), store.NewMem(), reputation.Default())}
	w.clients = append(w.clients, c)
	return nil
}

// withholds reports whether the client now keeps a result and says that it never came.
func (c *client) withholds(w *world) bool {
	return c.strategy == Withholding && w.rng.Float64() < 0.5
}

// match asks some providers, as a search brings them, and lets the market rank
// what they answer.
func (w *world) match(r *run, e job.Match) job.Event {
	var asked []market.Candidate
	for _, p := range w.sample(r, e.Exclude) {
		asked = append(asked, w.quote(r, p))
	}
	ranked, dropped := market.Match(w.need(r.j), asked, market.Policy{Now: w.now, Seed: r.j.Secret, ExplorePct: explorePct})
	ev := job.Matched{Now: w.now}
	for _, k := range ranked {
		ev.Candidates = append(ev.Candidates, w.candidate(k))
	}
	for _, d := range dropped {
		ev.Dropped = append(ev.Dropped, job.Dropped(d))
	}
	return ev
}

// sample draws providers that answer, none of those excluded.
func (w *world) sample(r *run, exclude []identity.PubKey) []*provider {
	out := map[identity.PubKey]bool{}
	for _, k := range exclude {
		out[k] = true
	}
	var found []*provider
	for _, i := range w.rng.Perm(len(w.providers)) {
		p := w.providers[i]
		if p.gone || p.judge || out[p.key.PubKey()] || w.away(p) || w.churned() || w.refuses(p, r.c) {
			continue
		}
		if found = append(found, p); len(found) == maxAsked {
			break
		}
	}
	return found
}

// churned is whether a provider happens to be off.
func (w *world) churned() bool { return w.rng.Float64() < w.cfg.Churn }

// quote is a provider's answer, with what the client knows of it.
func (w *world) quote(r *run, p *provider) market.Candidate {
	c := market.Candidate{Provider: p.key.PubKey(), Operator: p.operator, Offer: w.offer(p)}
	c.Score, c.New = w.standing(r.c, p)
	if 2*p.slots <= p.busy {
		c.Refused = "busy"
		return c
	}
	c.QuoteID = w.id()
	c.Quote = &wire.Quote{
		Job: r.j.ID, Price: wire.Rate{Base: p.rate.Base, PerUnit: p.rate.PerUnit}, Unit: string(payments.Credits), Rail: job.RailCredit,
		Slots: 2*p.slots - p.busy, ETAMS: uint64(float64(usual.Milliseconds()) * p.pace), Class: p.class, HasImage: true,
		CreditLeft: 1 << 40, Expires: w.now.Add(time.Minute).Unix(),
	}
	return c
}

func (w *world) offer(p *provider) *wire.ProviderOffer {
	role := RoleProvider
	if p.judge {
		role = RoleValidator
	}
	return &wire.ProviderOffer{
		Network: "sim", Class: p.class, Version: "v1.0.0", Roles: []string{role}, Isolation: []string{"runc"}, Rails: []string{job.RailCredit},
		Hardware: wire.Hardware{OS: "linux", Arch: "amd64", Cores: 8, MemoryBytes: 64 << 30, DiskBytes: 1 << 40},
	}
}

func (w *world) need(j job.Job) market.Need {
	r := j.Spec.Resources
	return market.Need{
		Network: "sim", Image: j.Image.Digest, CPUMillis: r.CPUMillis, MemoryBytes: r.MemoryBytes, DiskBytes: r.DiskBytes,
		Rail: j.Spec.Payment.Rail, Unit: j.Budget.Unit, MaxPrice: j.Budget.Value, Units: w.cfg.Units,
	}
}

func (w *world) candidate(r market.Ranked) job.Candidate {
	return job.Candidate{
		Provider: r.Provider, Operator: r.Operator, Quote: r.QuoteID, Class: r.Quote.Class,
		Rate:  payments.Rate{Base: r.Quote.Price.Base, PerUnit: r.Quote.Price.PerUnit, Unit: payments.Unit(r.Quote.Unit)},
		Slots: r.Quote.Slots, Score: r.Score, ETA: time.Duration(r.Quote.ETAMS) * time.Millisecond,
		Expires: time.Unix(r.Quote.Expires, 0), HasImage: r.Quote.HasImage, HasModel: r.Quote.HasModel,
	}
}

func (w *world) standing(c *client, p *provider) (float64, bool) {
	known, err := c.ledger.Explain(w.now, p.key.PubKey())
	if err != nil {
		w.fatal = err
	}
	return known.Score, len(known.Items) == 0
}

// refuses reports whether a provider gives this client no quote.
func (w *world) refuses(p *provider, c *client) bool { return false }
