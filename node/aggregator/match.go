package aggregator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/market"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

const (
	maxAsked     = 24                      // providers asked for a quote at once
	quoteTimeout = 1500 * time.Millisecond // for each of them
	matchTimeout = 15 * time.Second        // search and quotes together
	explorePct   = 10                      // of places for providers without a history
)

// match finds who might, asks them what it costs, and keeps a reason for each
// that is not taken.
func (d *Driver) match(ctx context.Context, j job.Job, e job.Match) (job.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, matchTimeout)
	defer cancel()
	ev, offers := d.quotes(ctx, j, e.Exclude)
	// What a provider quoted for is what it was promised: the first is kept.
	for _, c := range ev.Candidates {
		if offer, ok := offers[c.Quote]; ok {
			if _, err := d.keepAt(offerKey(j.ID, c.Provider), offer); err != nil {
				return nil, err
			}
		}
	}
	return ev, nil
}

// quotes returns who could do the job now, and the offers they answered, by
// the ids of their quotes.
func (d *Driver) quotes(ctx context.Context, j job.Job, exclude []identity.PubKey) (job.Matched, map[wire.ID]wire.Event) {
	var unseen reasons
	found, err := d.Market.Search(ctx, dht.Query{Keys: searchKeys(j), Max: 4 * maxAsked, Newer: newer(j), OnDrop: unseen.add})
	if err != nil && ctx.Err() == nil {
		// Finding nobody is an answer; the job explains it and asks again.
		d.Log.Warn("search for providers", "job", j.ID, "err", err)
	}
	found = slices.DeleteFunc(found, func(f dht.Found) bool {
		return f.Peer == d.Key.PubKey() || slices.Contains(exclude, f.Peer)
	})
	found = found[:min(len(found), maxAsked)]
	var judges []job.Candidate
	var offers, theirs map[wire.ID]wire.Event
	var asked []market.Candidate
	var wg sync.WaitGroup
	wg.Go(func() { judges, theirs = d.validators(ctx, j, exclude) })
	asked, offers = d.askAll(ctx, j, found)
	wg.Wait()
	maps.Copy(offers, theirs)
	now := time.Now()
	ranked, dropped := market.Match(d.need(j), asked, market.Policy{
		Now: now, Seed: j.Secret, ExplorePct: explorePct,
	})
	// Whose trade is to check others is asked for that, and not missed here.
	dropped = slices.DeleteFunc(dropped, func(x market.Dropped) bool {
		return slices.ContainsFunc(judges, func(c job.Candidate) bool { return c.Provider == x.Provider })
	})
	ev := job.Matched{Now: now}
	ranked, caught := d.trustworthy(j, ranked)
	for _, r := range ranked {
		if !slices.ContainsFunc(judges, func(c job.Candidate) bool { return c.Provider == r.Provider }) {
			ev.Candidates = append(ev.Candidates, d.candidate(j, r))
		}
	}
	ev.Candidates = append(ev.Candidates, judges...)
	ev.Dropped = unseen.list(d.Key.PubKey())
	for _, x := range dropped {
		ev.Dropped = append(ev.Dropped, job.Dropped(x))
	}
	ev.Dropped = append(ev.Dropped, caught...)
	return ev, offers
}

// freshOffer is how old an offer may be that a job without candidates is matched
// with again: prices and rails change, above all those of nodes just set up.
const freshOffer = 5 * time.Second

// newer is how old offers may be; 0 is as Search likes it.
func newer(j job.Job) time.Duration {
	if j.Rounds > 1 && len(j.Candidates) == 0 {
		return freshOffer
	}
	return 0
}

// reasons collects why peers never became candidates.
type reasons struct {
	mu  sync.Mutex
	all []job.Dropped
}

func (r *reasons) add(p identity.PubKey, via dht.Via, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, job.Dropped{Provider: p, Predicate: "offer", Have: wire.Printable(reason.Error()), Hint: "known from: " + string(via)})
}

func (r *reasons) list(self identity.PubKey) []job.Dropped {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(r.all, func(d job.Dropped) bool { return d.Provider == self })
}

// searchKeys are the attributes to look up, the most selective first.
func searchKeys(j job.Job) []dht.Key {
	if j.Spec.Resources.GPUs > 0 {
		return []dht.Key{dht.VRAMKey(j.Spec.Resources.VRAMBytes)}
	}
	return []dht.Key{dht.Any}
}

// askAll asks all of them at once and returns what is known of each, in order,
// and the offers by the quotes that answer them.
func (d *Driver) askAll(ctx context.Context, j job.Job, found []dht.Found) ([]market.Candidate, map[wire.ID]wire.Event) {
	all := make([]market.Candidate, len(found))
	offers := map[wire.ID]wire.Event{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, f := range found {
		wg.Go(func() {
			qctx, cancel := context.WithTimeout(ctx, quoteTimeout)
			defer cancel()
			c := market.Candidate{Provider: f.Peer, Offer: &f.Offer, Operator: operator(f.Offer, time.Now())}
			known, err := d.standing(f.Peer, reputation.App{Image: j.Image.Digest, Model: j.Model.CID}, f.Offer.Class)
			if err != nil {
				d.Log.Warn("standing of a provider", "provider", f.Peer.Short(), "err", err)
			}
			c.Score, c.New = known.Score, !known.Known
			quote, id, offer, err := d.ask(qctx, j, f.Peer)
			var refused *Refused
			switch {
			case errors.As(err, &refused):
				c.Refused, c.Busy = refused.Text, refused.Code == codeBusy
			case err != nil:
				c.Refused = "no quote: " + err.Error()
			default:
				c.Quote, c.QuoteID = &quote, id
				mu.Lock()
				offers[id] = offer
				mu.Unlock()
			}
			all[i] = c
		})
	}
	wg.Wait()
	return all, offers
}

// ask gets one signed quote, with its id and the offer that it answers.
func (d *Driver) ask(ctx context.Context, j job.Job, peer identity.PubKey) (quote wire.Quote, id wire.ID, offer wire.Event, err error) {
	if offer, err = wire.Seal(d.Key, offerOf(j), time.Now()); err != nil {
		return quote, id, offer, err
	}
	s, err := d.Peers.Open(ctx, peer, p2p.ProtoQuote)
	if err != nil {
		return quote, id, offer, err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	answer, err := exchange(s, offer)
	if err != nil {
		return quote, id, offer, err
	}
	quote, err = wire.Decode[wire.Quote](answer)
	switch {
	case err != nil:
		return quote, id, offer, err
	case quote.Offer != offer.ID || quote.Job != j.ID:
		return quote, id, offer, fmt.Errorf("%w: the quote answers another offer", errProtocol)
	}
	return quote, answer.ID, offer, nil
}

// offerOf describes the job to those who may do it. It is the same each time
// but for its date, so that quotes of several rounds are for the same work.
func offerOf(j job.Job) wire.JobOffer {
	r := j.Spec.Resources
	return wire.JobOffer{
		Job: j.ID, Name: j.Name,
		Image: j.Image.Digest, ImageCID: j.Image.CID, ModelCID: j.Model.CID,
		Comparator: j.Spec.Verify.Compare,
		Shards:     uint32(len(j.Shards)), UnitsPerShard: mostUnits(j),
		CPUMillis: r.CPUMillis, MemoryBytes: r.MemoryBytes, DiskBytes: r.DiskBytes, PIDs: r.PIDs,
		GPUs: r.GPUs, VRAMBytes: r.VRAMBytes,
		MaxPrice: j.Budget.Value, Unit: string(j.Budget.Unit), Rail: j.Spec.Payment.Rail,
		ShardTimeoutMS: uint64(j.Spec.Timeouts.Shard.Milliseconds()),
		Deadline:       j.Deadline.Unix(), AuditCommit: j.AuditCommit, AuditMin: j.Spec.Verify.AuditMin(),
	}
}

// mostUnits is the size of the largest shard, which every quote must cover.
func mostUnits(j job.Job) uint64 {
	var most uint64
	for _, s := range j.Shards {
		most = max(most, s.Input.Units)
	}
	return most
}

// need is what a provider must have to be taken.
func (d *Driver) need(j job.Job) market.Need {
	r := j.Spec.Resources
	return market.Need{
		Network: d.cfg.Network, Image: j.Image.Digest, Model: j.Model.CID,
		CPUMillis: r.CPUMillis, MemoryBytes: r.MemoryBytes, DiskBytes: r.DiskBytes,
		GPUs: r.GPUs, VRAMBytes: r.VRAMBytes,
		Rail: j.Spec.Payment.Rail, Unit: j.Budget.Unit, MaxPrice: j.Budget.Value, Units: mostUnits(j),
	}
}

// rateOf is a quote's rate as money.
func rateOf(q wire.Quote) payments.Rate {
	return payments.Rate{Base: q.Price.Base, PerUnit: q.Price.PerUnit, Unit: payments.Unit(q.Unit)}
}
