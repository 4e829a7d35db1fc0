package infertest

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

func refuse(ev wire.Event, code, text string) wire.Message {
	return wire.Error{Ref: ev.ID, Code: code, Text: text}
}

// answer is the reply to a document; nil says nothing.
func (p *Provider) answer(ev wire.Event) wire.Message {
	switch ev.Kind {
	case wire.KindInferOffer:
		return p.quote(ev)
	case wire.KindLease:
		return p.lease(ev)
	case wire.KindWindow:
		return p.window(ev)
	case wire.KindReceipt:
		return p.receipt(ev)
	case wire.KindDisclosure:
		return p.disclosed(ev)
	}
	return refuse(ev, "malformed", "not a document of inference")
}

func (p *Provider) quote(ev wire.Event) wire.Message {
	m, err := wire.Decode[wire.InferOffer](ev)
	if err != nil {
		return refuse(ev, "malformed", err.Error())
	}
	if p.NoQuotes {
		return refuse(ev, "busy", "not now")
	}
	p.mu.Lock()
	slow := p.SlowQuotes
	p.mu.Unlock()
	if slow {
		return nil
	}
	q := wire.InferQuote{
		Offer: ev.ID, Job: m.Job, Model: m.Model, Image: p.Image, In: p.In, Out: p.Out, Unit: m.Unit, Rail: m.Rail,
		Slots: 4, TPSMilli: p.TPSMilli, TTFTMS: p.TTFTMS, Context: p.Context, Warm: p.Warm, Credit: p.Credit,
		Expires: time.Now().Add(30 * time.Second).Unix(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quotes[m.Job] = q
	return q
}

func (p *Provider) lease(ev wire.Event) wire.Message {
	m, err := wire.Decode[wire.Lease](ev)
	if err != nil {
		return refuse(ev, "malformed", err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.quotes[m.Job]
	if !ok || q.In != m.In || q.Out != m.Out {
		return refuse(ev, "no_quote", "no such quote")
	}
	if p.leases[m.Job] == nil {
		p.leases[m.Job] = &Lease{Terms: m, Windows: map[uint32]wire.Window{}, Signed: map[uint32]wire.Event{}}
	}
	return wire.Progress{Job: m.Job, State: wire.StateAccepted}
}

func (l *Lease) price(c meter.Count) uint64 {
	a, err := payments.PriceTokens(payments.TokenRate{In: l.Terms.In, Out: l.Terms.Out, Unit: payments.Unit(l.Terms.Unit)}, c.In, c.Out)
	if err != nil {
		panic(err)
	}
	return a.Value
}

func (p *Provider) window(ev wire.Event) wire.Message {
	w, err := wire.Decode[wire.Window](ev)
	if err != nil {
		return refuse(ev, "malformed", err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.leases[w.Job]
	if l == nil {
		return refuse(ev, "unknown", "no such lease here")
	}
	yes := wire.Progress{Job: w.Job, Shard: w.Seq, State: wire.StateAccepted}
	if old, ok := l.Windows[w.Seq]; ok {
		if old != w {
			return refuse(ev, "mismatch", "accepted with other numbers")
		}
		return yes
	}
	total := meter.Count{In: w.TotalIn, Out: w.TotalOut}
	meters := meter.Count{In: l.Total.In, Out: l.Total.Out + p.Inflate}
	switch {
	case l.Ended || w.Seq != l.Next:
		return refuse(ev, "mismatch", fmt.Sprintf("window %d comes next", l.Next))
	case w.TotalIn-w.InTokens != l.Stated.In || w.TotalOut-w.OutTokens != l.Stated.Out:
		return refuse(ev, "mismatch", "the windows before add up to something else")
	case w.Amount != l.price(total)-l.price(l.Stated):
		return refuse(ev, "mismatch", "amount")
	case !meters.Within(total):
		return refuse(ev, "disputed", fmt.Sprintf("in=0,out=0,total_in=%d,total_out=%d,requests=%d were metered", meters.In, meters.Out, l.Requests))
	}
	if w.Amount > 0 {
		ref := payments.NewRef(w.Job.String(), w.Seq, 0)
		pay := payments.Payment{Ref: ref, Peer: ev.PubKey, Amount: payments.Amount{Value: w.Amount, Unit: payments.Unit(w.Unit)}}
		if err := p.Rail.Expect(context.Background(), pay); err != nil {
			return refuse(ev, "credit", err.Error())
		}
	}
	l.Windows[w.Seq], l.Stated, l.Next, l.Ended = w, total, w.Seq+1, w.Last
	l.Total = meter.Count{In: max(l.Total.In, total.In), Out: max(l.Total.Out, total.Out)}
	return yes
}

func (p *Provider) receipt(ev wire.Event) wire.Message {
	m, err := wire.Decode[wire.Receipt](ev)
	if err != nil {
		return refuse(ev, "malformed", err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.leases[m.Job]
	if l == nil || p.NoReceipts {
		return refuse(ev, "refused", "no receipt is signed here")
	}
	w, ok := l.Windows[m.Shard]
	switch {
	case !ok || m.Amount != w.Amount || m.InTokens != w.InTokens || m.OutTokens != w.OutTokens || m.Image != p.Image:
		return refuse(ev, "mismatch", "not what was accepted")
	case m.Amount > 0:
		e, err := p.Rail.Status(context.Background(), ev.PubKey, payments.NewRef(m.Job.String(), m.Shard, 0))
		if err != nil || e.State != payments.StateCaptured {
			return wire.Error{Ref: ev.ID, Code: "unpaid", Text: "not paid", RetryMS: 500}
		}
	}
	l.Signed[m.Shard] = ev
	return wire.Countersign{Of: ev.ID, Role: wire.RoleProvider}
}

// Price is what the metered tokens of the lease cost.
func (l Lease) Price() uint64 { return l.price(l.Total) }

// disclosed accepts what is disclosed of a lease that has ended.
func (p *Provider) disclosed(ev wire.Event) wire.Message {
	m, err := wire.Decode[wire.Disclosure](ev)
	if err != nil {
		return refuse(ev, "malformed", err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.leases[m.Job]; l == nil || !l.Ended || wire.SecretHash(m.Secret) != l.Terms.AuditCommit {
		return refuse(ev, "mismatch", "not the secret of a lease that is over")
	}
	return wire.Progress{Job: m.Job, State: wire.StateAccepted}
}
