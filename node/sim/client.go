package sim

import (
	"time"

	"infernet.tech/infernet/node/audit"
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
	book     *reputation.Book
	trusted  []*provider          // its own validators
	judged   bool                 // it knows of validators that are strangers
	known    map[string]job.Input // answers for canaries, by the input's CID
	order    []string             // of known, oldest first
	paid     float64
}

// digest is the image of every job.
const digest = "sha256:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

// Like those of the aggregator.
const (
	maxAsked      = 24  // providers asked for a quote at once
	maxJudges     = 8   // validators
	explorePct    = 10  // of places for providers without a history
	maxKnown      = 500 // answers kept for canaries
	moveProbation = 3   // results checked after a provider has moved
)

func app() reputation.App { return reputation.App{Image: digest} }

func (w *world) newClient(s Strategy) error {
	k, err := w.newKey()
	if err != nil {
		return err
	}
	book, err := reputation.NewBook(k.PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		return err
	}
	c := &client{key: k, strategy: s, book: book, known: map[string]job.Input{}}
	w.clients = append(w.clients, c)
	for range w.cfg.Trusted {
		pl := &player{strategy: Honest}
		w.players = append(w.players, pl)
		if err := w.enter(pl, true); err != nil {
			return err
		}
		p := pl.providers[0]
		p.trusted, p.slots = c, 1<<10
		c.trusted = append(c.trusted, p)
	}
	return nil
}

// withholds reports whether the client now keeps a result and says that it never came.
func (c *client) withholds(w *world) bool {
	return c.strategy == Withholding && w.rng.Float64() < 0.5
}

// match asks some providers, as a search brings them, and lets the market rank
// what they answer.
func (w *world) match(r *run, e job.Match) job.Event {
	ev := job.Matched{Now: w.now}
	policy := market.Policy{Now: w.now, Seed: r.j.Secret, ExplorePct: explorePct}
	ranked, dropped := market.Match(w.need(r.j), w.quotes(r, w.sample(r, e.Exclude, false, maxAsked)), policy)
	for _, k := range w.trustworthy(r, ranked) {
		ev.Candidates = append(ev.Candidates, w.candidate(r, k))
	}
	for _, d := range dropped {
		ev.Dropped = append(ev.Dropped, job.Dropped(d))
	}
	if r.j.Spec.Verify.Mode == job.VerifyNone {
		return ev
	}
	need := w.need(r.j)
	need.Role = RoleValidator
	judges := append(w.sample(r, e.Exclude, true, maxJudges-len(r.c.trusted)), r.c.trusted...)
	ranked, _ = market.Match(need, w.quotes(r, judges), market.Policy{Now: w.now, Seed: r.j.Secret})
	for _, k := range ranked {
		p := w.byKey[k.Provider]
		if p.trusted == nil && w.standing(r.c, p).Caught {
			continue
		}
		c := w.candidate(r, k)
		c.Validator, c.Trusted = true, p.trusted == r.c
		r.c.judged = r.c.judged || !c.Trusted
		ev.Candidates = append(ev.Candidates, c)
	}
	return ev
}

// trustworthy leaves out who was caught, as a node does.
func (w *world) trustworthy(r *run, ranked []market.Ranked) []market.Ranked {
	var kept []market.Ranked
	for _, k := range ranked {
		if !w.standing(r.c, w.byKey[k.Provider]).Caught {
			kept = append(kept, k)
		}
	}
	if r.j.Spec.Verify.Avoids(len(kept)) {
		return kept
	}
	return ranked
}

// sample draws up to n providers, or validators, that answer; none of those excluded.
func (w *world) sample(r *run, exclude []identity.PubKey, judges bool, n int) (found []*provider) {
	out := map[identity.PubKey]bool{}
	for _, k := range exclude {
		out[k] = true
	}
	for _, i := range w.rng.Perm(len(w.providers)) {
		if len(found) >= n {
			break
		}
		p := w.providers[i]
		if p.gone || p.judge != judges || p.trusted != nil || out[p.key.PubKey()] || w.away(p) || w.churned() || w.refuses(p, r.c) {
			continue
		}
		found = append(found, p)
	}
	return found
}

// churned is whether a provider happens to be off.
func (w *world) churned() bool { return w.rng.Float64() < w.cfg.Churn }

func (w *world) quotes(r *run, asked []*provider) (all []market.Candidate) {
	for _, p := range asked {
		all = append(all, w.quote(r, p))
	}
	return all
}

// quote is a provider's answer, with what the client knows of it.
func (w *world) quote(r *run, p *provider) market.Candidate {
	known := w.standing(r.c, p)
	c := market.Candidate{Provider: p.key.PubKey(), Operator: p.operator, Offer: w.offer(p), Score: known.Score, New: !known.Known}
	if 2*p.slots <= p.busy {
		c.Refused = "busy"
		return c
	}
	c.QuoteID = w.id()
	c.Quote = &wire.Quote{
		Job: r.j.ID, Price: wire.Rate{Base: p.rate.Base, PerUnit: p.rate.PerUnit}, Unit: string(payments.Credits), Rail: job.RailCredit,
		Slots: 2*p.slots - p.busy, ETAMS: uint64(float64(usual.Milliseconds()) * p.pace), Class: p.class, HasImage: true,
		CreditLeft: creditLimit, Expires: w.now.Add(time.Minute).Unix(),
	}
	return c
}

// creditLimit is what a provider lets a stranger owe, as package payments/credit does.
const creditLimit = 10_000

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

func (w *world) candidate(r *run, k market.Ranked) job.Candidate {
	p := w.byKey[k.Provider]
	known := w.standing(r.c, p)
	return job.Candidate{
		Provider: k.Provider, Operator: k.Operator, Quote: k.QuoteID, Class: k.Quote.Class,
		Rate:  payments.Rate{Base: k.Quote.Price.Base, PerUnit: k.Quote.Price.PerUnit, Unit: payments.Unit(k.Quote.Unit)},
		Slots: k.Quote.Slots, Score: k.Score, Rank: k.Rank, Credit: k.Quote.CreditLeft, ETA: time.Duration(k.Quote.ETAMS) * time.Millisecond,
		Expires: time.Unix(k.Quote.Expires, 0), HasImage: k.Quote.HasImage, HasModel: k.Quote.HasModel,
		Apart: p.apart, New: known.Valid == 0,
		Track: audit.Track{Valid: known.Valid, Probation: known.Probation, Suspect: known.Suspect},
	}
}

func (w *world) standing(c *client, p *provider) reputation.Standing {
	known, err := c.book.Standing(w.now, p.key.PubKey(), app(), p.class)
	if err != nil {
		w.fatal = err
	}
	return known
}

// refuses reports whether a provider gives this client no quote: it owes.
func (w *world) refuses(p *provider, c *client) bool {
	if p.book == nil {
		return false
	}
	known, err := p.book.Standing(w.now, c.key.PubKey(), reputation.App{}, "")
	if err != nil {
		w.fatal = err
	}
	return known.Owes > 0
}
