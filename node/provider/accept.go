package provider

import (
	"context"
	"errors"
	"reflect"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// accept joins the attempt that ev asks for, or starts it: checked against the
// quote, expected on the rail, stored, and only then queued.
func (p *Provider) accept(ctx context.Context, from identity.PubKey, ev wire.Event) (*live, error) {
	acc, err := wire.Decode[wire.Accept](ev)
	if err != nil {
		return nil, refuse(CodeMalformed, "%v", err)
	}
	id := attemptID{Aggregator: from, Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt}
	if l, err := p.find(id); err == nil {
		return l, sameWork(l, acc)
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	offer, quote, agree, err := p.terms(from, acc)
	if err != nil {
		return nil, err
	}
	if err := p.covers(acc, offer, quote); err != nil {
		return nil, err
	}
	if err := agree(); err != nil {
		return nil, err
	}
	if err := p.reserve(); err != nil {
		return nil, err
	}
	l, fresh, err := p.begin(ctx, id, ev, acc)
	if err != nil || !fresh {
		p.release()
		return l, err
	}
	p.queue <- l // never blocks: reserve counted a place in it
	return l, nil
}

// begin journals what is expected and the attempt itself; fresh is false when
// another stream began the same attempt meanwhile.
func (p *Provider) begin(ctx context.Context, id attemptID, ev wire.Event, acc wire.Accept) (l *live, fresh bool, err error) {
	rec := record{ID: id, State: Accepted, Accept: ev}
	expected, err := rec.payment()
	if err != nil {
		return nil, false, err
	}
	if err := p.Rail.Expect(ctx, expected); err != nil {
		return nil, false, refuse(CodeCredit, "%v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, ok := p.attempts[id]; ok {
		return other, false, sameWork(other, acc)
	}
	if err := saveRecord(p.Store, rec); err != nil {
		return nil, false, err
	}
	l = newLive(rec)
	p.prune()
	p.attempts[id] = l
	return l, true, nil
}

// maxKept is how many attempts are kept in memory, their output with them;
// what has ended goes first and is answered from the store from then on.
const maxKept = 512

func (p *Provider) prune() {
	if len(p.attempts) < maxKept {
		return
	}
	for id, l := range p.attempts {
		if rec, _ := l.snapshot(); rec.State.Terminal() {
			delete(p.attempts, id)
		}
	}
}

// covers checks an Accept against the offer it was quoted for.
func (p *Provider) covers(acc wire.Accept, offer wire.JobOffer, quote wire.Quote) error {
	rate := payments.Rate{Base: quote.Price.Base, PerUnit: quote.Price.PerUnit, Unit: payments.Unit(quote.Unit)}
	price, err := payments.Price(rate, acc.Units)
	if err != nil {
		return refuse(CodeMismatch, "price of %d units: %v", acc.Units, err)
	}
	switch {
	case acc.Amount != price.Value || acc.Unit != quote.Unit || acc.Rail != quote.Rail:
		return refuse(CodeMismatch, "amount: %d %s on %s accepted, %s on %s quoted", acc.Amount, acc.Unit, acc.Rail, price, quote.Rail)
	case acc.Image != offer.Image || acc.ImageCID != offer.ImageCID || acc.ModelCID != offer.ModelCID:
		return refuse(CodeMismatch, "image or model differ from the offer's")
	case acc.CPUMillis > offer.CPUMillis || acc.MemoryBytes > offer.MemoryBytes || acc.DiskBytes > offer.DiskBytes || acc.PIDs > offer.PIDs || acc.GPUs > offer.GPUs:
		return refuse(CodeMismatch, "resources exceed the offer's")
	case acc.TimeoutMS > offer.ShardTimeoutMS:
		return refuse(CodeMismatch, "timeout exceeds the offer's")
	case acc.Units > offer.UnitsPerShard || acc.Shard >= offer.Shards:
		return refuse(CodeMismatch, "shard exceeds the offer")
	case acc.ImageBytes > p.cfg.MaxBlobBytes || acc.ModelBytes > p.cfg.MaxBlobBytes || acc.InputBytes > p.cfg.MaxBlobBytes:
		return refuse(CodeRefused, "blob: larger than %d bytes", p.cfg.MaxBlobBytes)
	case acc.Deadline > offer.Deadline:
		return refuse(CodeMismatch, "deadline exceeds the offer's")
	case acc.Deadline <= time.Now().Unix():
		return refuse(CodeStale, "deadline: already past")
	}
	return nil
}

// sameWork refuses an Accept that reuses an attempt's key for other work.
func sameWork(l *live, acc wire.Accept) error {
	rec, _ := l.snapshot()
	known, err := rec.accept()
	if err != nil {
		return err
	}
	// A quote may have been renewed and sources may have changed; the work and
	// its price may not.
	known.Quote, known.Sources = acc.Quote, acc.Sources
	if !reflect.DeepEqual(normal(known), normal(acc)) {
		return refuse(CodeMismatch, "this attempt is already known with other terms")
	}
	return nil
}

// normal makes lists that hold nothing equal, however they came to be.
func normal(a wire.Accept) wire.Accept {
	if len(a.Args) == 0 {
		a.Args = nil
	}
	if len(a.Env) == 0 {
		a.Env = nil
	}
	return a
}

// find returns an attempt from memory or the store.
func (p *Provider) find(id attemptID) (*live, error) {
	p.mu.Lock()
	l, ok := p.attempts[id]
	p.mu.Unlock()
	if ok {
		return l, nil
	}
	rec, err := loadRecord(p.Store, id)
	if err != nil {
		return nil, err
	}
	// Finished long ago, or left behind by a restart past its deadline: it
	// only answers, it is not run again.
	if rec.State.unfinished() {
		rec.State, rec.Fail = Failed, refuse(CodeTimeout, "the deadline passed before the work was done")
	}
	l = newLive(rec)
	l.logs.close() // its output is gone: nobody is to wait for it
	return l, nil
}

// reserve takes a place among the accepted attempts.
func (p *Provider) reserve() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.working >= cap(p.queue) {
		return &Refusal{Code: CodeBusy, Text: "slots: all are busy", RetryMS: 2000}
	}
	p.working++
	return nil
}

func (p *Provider) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.working--
}
