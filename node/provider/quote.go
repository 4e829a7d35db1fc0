package provider

import (
	"context"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// quoteValidity is how long a quote binds us before a first Accept.
const quoteValidity = 30 * time.Second

// longestJob is how far a job's deadline may be: until then its rate is fixed
// and a slot may wait for content. It is what a job's spec allows, and a day.
const longestJob = 31 * 24 * time.Hour

// maxQuotes bounds what strangers can make us remember.
const maxQuotes = 4096

// ServeQuote answers one JobOffer with a Quote or a reason.
func (p *Provider) ServeQuote(ctx context.Context, s *p2p.Stream, ev wire.Event) error {
	offer, err := wire.Decode[wire.JobOffer](ev)
	if err != nil {
		return p.answerError(s, ev.ID, refuse(CodeMalformed, "%v", err))
	}
	quote, err := p.quote(ctx, s.Peer(), ev.ID, offer)
	if err != nil {
		return p.answerError(s, ev.ID, err)
	}
	signed, err := wire.Seal(p.Key, quote, time.Now())
	if err != nil {
		return p.answerError(s, ev.ID, err)
	}
	if err := p.remember(ev, signed, quote.Expires); err != nil {
		return p.answerError(s, ev.ID, err)
	}
	return wire.WriteEvent(s, signed)
}

// quote decides whether and for how much this node does the work. That it costs
// more than the offer allows is for the client to see: it learns what to raise
// its ceiling to.
func (p *Provider) quote(ctx context.Context, from identity.PubKey, id wire.ID, o wire.JobOffer) (wire.Quote, error) {
	if err := p.fits(o); err != nil {
		return wire.Quote{}, err
	}
	if err := p.solvent(ctx, from); err != nil {
		return wire.Quote{}, err
	}
	rate := p.cfg.Rates[payments.Unit(o.Unit)]
	price, err := payments.Price(rate, o.UnitsPerShard)
	if err != nil {
		return wire.Quote{}, refuse(CodeRefused, "price of %d units: %v", o.UnitsPerShard, err)
	}
	room, err := p.Rail.RoomFor(ctx, from, rate.Unit)
	if err != nil {
		return wire.Quote{}, err
	}
	// Where money can be locked for the work, no credit is needed.
	if room.Value < price.Value && !p.Rail.Funds(rate.Unit) {
		return wire.Quote{}, refuse(CodeCredit, "credit: %s left for this payer, a shard costs %s", room.Human(), price.Human())
	}
	working, slots := p.Load()
	if working >= 2*slots {
		return wire.Quote{}, &Refusal{Code: CodeBusy, Text: "slots: all are busy", RetryMS: 2000}
	}
	return wire.Quote{
		Offer: id, Job: o.Job,
		Price: wire.Rate{Base: rate.Base, PerUnit: rate.PerUnit},
		Unit:  string(rate.Unit), Rail: o.Rail,
		Slots: uint32(2*slots - working), CreditLeft: room.Value,
		Class:    p.Class(o.Image),
		Expires:  time.Now().Add(quoteValidity).Unix(),
		HasImage: p.Content.Has(o.ImageCID), HasModel: o.ModelCID == "" || p.Content.Has(o.ModelCID),
	}, nil
}

// units lists the units that there is a price in.
func (c Config) units() string {
	var all []string
	for u := range c.Rates {
		all = append(all, string(u))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// solvent refuses a client that has not paid for what it got.
func (p *Provider) solvent(ctx context.Context, client identity.PubKey) error {
	n, forgiven, err := p.owes(ctx, client)
	if err != nil {
		return err
	}
	if p.Trust != nil {
		known, err := p.Trust.Standing(time.Now(), client, reputation.App{}, "")
		if err != nil {
			return err
		}
		n = max(n, int(min(known.Owes, 1<<20))-forgiven)
	}
	if n > 0 {
		return refuse(CodeCredit, "credit: %d results of this provider are neither paid nor called wrong; pay them first", n)
	}
	return nil
}

// fits tells the first thing the offer asks for that this node does not give.
func (p *Provider) fits(o wire.JobOffer) error {
	switch {
	case !p.Rail.Takes(o.Rail, payments.Unit(o.Unit)):
		return refuse(CodeRefused, "rail: %q in %q is not taken here now", o.Rail, o.Unit)
	case p.cfg.Rates[payments.Unit(o.Unit)].Unit == "":
		return refuse(CodeRefused, "price: there is none in %q here, only in %s", o.Unit, p.cfg.units())
	case o.GPUs > p.usableGPUs(o.VRAMBytes):
		return refuse(CodeRefused, "gpu: %d with %d bytes asked, %d here for jobs", o.GPUs, o.VRAMBytes, p.usableGPUs(o.VRAMBytes))
	case o.CPUMillis > p.cfg.MaxCPUMillis:
		return refuse(CodeRefused, "cpu: %d millicores asked, at most %d here", o.CPUMillis, p.cfg.MaxCPUMillis)
	case o.MemoryBytes > p.cfg.MaxMemoryBytes:
		return refuse(CodeRefused, "memory: %d bytes asked, at most %d here", o.MemoryBytes, p.cfg.MaxMemoryBytes)
	case o.DiskBytes > p.cfg.MaxDiskBytes:
		return refuse(CodeRefused, "disk: %d bytes asked, at most %d here", o.DiskBytes, p.cfg.MaxDiskBytes)
	case o.PIDs > p.cfg.MaxPIDs:
		return refuse(CodeRefused, "pids: %d asked, at most %d here", o.PIDs, p.cfg.MaxPIDs)
	case o.ShardTimeoutMS > uint64(p.cfg.MaxWallClock.Milliseconds()):
		return refuse(CodeRefused, "timeout: %d ms asked, at most %d here", o.ShardTimeoutMS, p.cfg.MaxWallClock.Milliseconds())
	case o.Class != "" && o.Class != p.Class(o.Image):
		return refuse(CodeRefused, "class: %q asked, %q here", cut(o.Class, 80), p.Class(o.Image))
	case o.Deadline <= time.Now().Unix():
		return refuse(CodeStale, "deadline: already past")
	case o.Deadline > time.Now().Add(longestJob).Unix():
		return refuse(CodeRefused, "deadline: more than %v ahead", longestJob)
	}
	return nil
}

// remember keeps a quote until it expires, so that an Accept can name it.
func (p *Provider) remember(offer, quote wire.Event, expires int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.quotes) >= maxQuotes {
		now := time.Now().Unix()
		for id, q := range p.quotes {
			if q.expires < now {
				delete(p.quotes, id)
			}
		}
	}
	if len(p.quotes) >= maxQuotes {
		return &Refusal{Code: CodeBusy, Text: "too many open quotes", RetryMS: 5000}
	}
	p.quotes[quote.ID] = issued{offer: offer, quote: quote, expires: expires}
	return nil
}

// terms returns the offer and quote that an Accept stands on: the job's
// agreement where there is one, else the quote it names while it is valid.
// agree makes the latter the job's agreement; it is called once the Accept has
// been found to keep to it.
func (p *Provider) terms(from identity.PubKey, acc wire.Accept) (offer wire.JobOffer, quote wire.Quote, agree func() error, err error) {
	now := time.Now()
	agreed, ok, err := loadAgreement(p.Store, from, acc.Job, now)
	if err != nil {
		return offer, quote, nil, err
	}
	if !ok {
		p.mu.Lock()
		q, known := p.quotes[acc.Quote]
		p.mu.Unlock()
		if !known || q.expires < now.Unix() || q.offer.PubKey != from {
			return offer, quote, nil, refuse(CodeNoQuote, "no valid quote %s", acc.Quote)
		}
		agreed = agreement{Offer: q.offer, Quote: q.quote}
	}
	if offer, err = wire.Decode[wire.JobOffer](agreed.Offer); err != nil {
		return offer, quote, nil, err
	}
	if quote, err = wire.Decode[wire.Quote](agreed.Quote); err != nil {
		return offer, quote, nil, err
	}
	if offer.Job != acc.Job {
		return offer, quote, nil, refuse(CodeMismatch, "the quote is for another job")
	}
	agree = func() error { return nil }
	if !ok {
		agreed.Until = offer.Deadline
		agree = func() error { return saveAgreement(p.Store, from, acc.Job, agreed) }
	}
	return offer, quote, agree, nil
}
