package aggregator

import (
	"context"
	"slices"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/market"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

const (
	maxValidators   = 8               // asked for a quote at once
	findValidators  = 3 * time.Second // they are a help, not a need
	roleOfValidator = "validator"
)

// validators asks those whose role it is to check, and those that this node or
// the job trusts for it.
func (d *Driver) validators(ctx context.Context, j job.Job, exclude []identity.PubKey) ([]job.Candidate, map[wire.ID]wire.Event) {
	if j.Spec.Verify.Mode == job.VerifyNone {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, findValidators)
	defer cancel()
	found, err := d.Market.Search(ctx, dht.Query{Keys: []dht.Key{dht.RoleKey(roleOfValidator)}, Max: 4 * maxValidators})
	if err != nil && ctx.Err() == nil {
		d.Log.Debug("search for validators", "job", j.ID, "err", err)
	}
	found = slices.DeleteFunc(found, func(f dht.Found) bool {
		return f.Peer == d.Key.PubKey() || slices.Contains(exclude, f.Peer) || !slices.Contains(f.Offer.Roles, roleOfValidator)
	})
	// Those that are trusted come first: there may be more than are asked.
	slices.SortStableFunc(found, func(a, b dht.Found) int { return rank(d.trusted(j, b.Peer)) - rank(d.trusted(j, a.Peer)) })
	found = found[:min(len(found), maxValidators)]
	need := d.need(j)
	need.Role = roleOfValidator
	asked, offers := d.askAll(ctx, j, found)
	ranked, dropped := market.Match(need, asked, market.Policy{Now: time.Now(), Seed: j.Secret})
	for _, x := range dropped {
		d.Log.Debug("validator not taken", "job", j.ID, "provider", x.Provider.Short(), "predicate", x.Predicate, "have", x.Have)
	}
	var out []job.Candidate
	for _, r := range ranked {
		own := d.trusted(j, r.Provider)
		if !own && d.wasCaught(j, r) {
			continue // its word is worth less than anybody's
		}
		c := d.candidate(j, r)
		c.Validator, c.Trusted = true, own
		if !own {
			d.judged.Store(true)
		}
		out = append(out, c)
	}
	return out, offers
}

func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}

// trusted reports whether a peer's word decides a dispute.
func (d *Driver) trusted(j job.Job, p identity.PubKey) bool {
	return slices.Contains(d.cfg.Validators, p) || slices.Contains(j.Spec.Verify.Validators, p)
}

// candidate turns a match into what the machine assigns shards to.
func (d *Driver) candidate(j job.Job, r market.Ranked) job.Candidate {
	c := job.Candidate{
		Provider: r.Provider, Operator: r.Operator, Quote: r.QuoteID, Class: r.Quote.Class,
		Rate: rateOf(*r.Quote), Slots: r.Quote.Slots, Score: r.Score, Rank: r.Rank, Credit: r.Quote.CreditLeft,
		ETA:      time.Duration(r.Quote.ETAMS) * time.Millisecond,
		HasImage: r.Quote.HasImage, HasModel: r.Quote.HasModel,
		Apart: d.Apart(r.Provider),
	}
	// A name with a good record may have been sold: one that speaks from where
	// it never was is watched again.
	for _, network := range networks(c.Apart) {
		if err := d.Ledger.Seen(time.Now(), r.Provider, network); err != nil {
			d.Log.Warn("where a provider is", "provider", r.Provider.Short(), "err", err)
		}
	}
	known, err := d.standing(r.Provider, reputation.App{Image: j.Image.Digest, Model: j.Model.CID}, c.Class)
	if err != nil {
		d.Log.Warn("standing of a provider", "provider", r.Provider.Short(), "err", err)
	}
	c.Track = audit.Track{Valid: known.Valid, Probation: known.Probation, Suspect: known.Suspect}
	c.New = known.Valid == 0
	return c
}

// standing is what is thought of a provider: by the ledger alone where nobody
// was given to ask.
func (d *Driver) standing(peer identity.PubKey, app reputation.App, class string) (reputation.Standing, error) {
	now := time.Now()
	if d.Trust != nil {
		return d.Trust.Standing(now, peer, app, class)
	}
	known, err := d.Ledger.Explain(now, peer)
	return reputation.Standing{Score: known.Score, Direct: known.Score, Known: len(known.Items) > 0}, err
}

// trustworthy leaves out who was caught, as long as job.Verify.Avoids them.
func (d *Driver) trustworthy(j job.Job, ranked []market.Ranked) (kept []market.Ranked, dropped []job.Dropped) {
	for _, r := range ranked {
		if !d.wasCaught(j, r) {
			kept = append(kept, r)
			continue
		}
		dropped = append(dropped, job.Dropped{
			Provider: r.Provider, Predicate: "reputation", Have: "a record of wrong results, or of none in time",
			Want: "one no worse than a stranger's",
			Hint: "it is asked again when that has faded, or when too few others are there; infernet reputation explain shows the record",
		})
	}
	if j.Spec.Verify.Avoids(len(kept)) {
		return kept, dropped
	}
	return ranked, nil
}

// wasCaught reports whether a stranger is the better choice.
func (d *Driver) wasCaught(j job.Job, r market.Ranked) bool {
	known, err := d.standing(r.Provider, reputation.App{Image: j.Image.Digest, Model: j.Model.CID}, r.Quote.Class)
	if err != nil {
		d.Log.Warn("standing of a provider", "provider", r.Provider.Short(), "err", err)
	}
	return known.Caught
}

// operator names who runs a provider, where its offer proves it.
func operator(o wire.ProviderOffer, now time.Time) string {
	if key, ok := o.OperatedBy(now); ok {
		return key.Hex()
	}
	return ""
}
