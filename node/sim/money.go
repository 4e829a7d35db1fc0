package sim

import (
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

// settle pays, and writes and countersigns the receipt.
func (w *world) settle(r *run, e job.Settle) job.Event {
	a := r.answers[[2]uint32{e.Shard, e.Attempt}]
	p := w.byKey[e.Provider]
	w.judged(r, p, a, e)
	if e.Verdict == job.VerdictOK && r.c.strategy == NonPaying {
		return job.SettleFailed{Shard: e.Shard, Attempt: e.Attempt, Certain: job.NotCharged, Code: "over_limit", Now: w.now}
	}
	id, err := w.receipt(r, p, e)
	if err != nil {
		w.fatal = err
	}
	ref := ""
	if e.Verdict == job.VerdictOK {
		ref = e.Key()
		w.pay(r, p, e)
	}
	return job.Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: ref, Receipt: id, Now: w.now}
}

func (w *world) pay(r *run, p *provider, e job.Settle) {
	v := float64(e.Amount.Value)
	r.c.paid += v
	w.tally.paid += v
	p.player.paid += v
	p.player.earn(w.day(), v)
}

// receipt is signed by the client and, when it is worth having, by the provider.
func (w *world) receipt(r *run, p *provider, e job.Settle) (wire.ID, error) {
	at := r.j.Shards[e.Shard].Attempts[e.Attempt]
	m := wire.Receipt{
		Job: r.j.ID, Shard: e.Shard, Attempt: e.Attempt, Provider: e.Provider, Payer: r.c.key.PubKey(),
		Image: r.j.Image.Digest, Units: r.j.Shards[e.Shard].Input.Units, Unit: string(at.Amount.Unit), Rail: r.j.Spec.Payment.Rail,
		Verdict: e.Verdict, Label: e.Label, Comparator: r.j.Spec.Verify.Compare, Root: at.Reveal.Root,
		Commit: at.Commit.Event, Reveal: at.Reveal.Event, StartedMS: at.Offered.UnixMilli(), EndedMS: max(at.Offered.UnixMilli(), at.Ended.UnixMilli()),
	}
	if m.Label == "" {
		m.Label = job.LabelClaimed
	}
	if m.Label == job.LabelClaimed {
		m.Comparator = ""
	}
	if e.Verdict == job.VerdictOK {
		m.Amount, m.PayRef = e.Amount.Value, e.Key()
	}
	doc, err := wire.Seal(r.c.key, m, w.now)
	if err != nil {
		return wire.ID{}, err
	}
	if e.Verdict != job.VerdictOK {
		_, err = r.c.ledger.AddOneSided(doc)
		return doc.ID, err
	}
	both, err := wire.SignBeside(p.key, doc, wire.RoleProvider, w.now)
	if err != nil {
		return wire.ID{}, err
	}
	_, err = r.c.ledger.AddReceipt(both)
	return doc.ID, err
}
