package sim

import (
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// unpaidAfter is how long a provider waits for the money for what it has shown.
const unpaidAfter = 15 * time.Minute

// settle pays, and writes and countersigns the receipt.
func (w *world) settle(r *run, e job.Settle) job.Event {
	a := r.answers[[2]uint32{e.Shard, e.Attempt}]
	p := w.byKey[e.Provider]
	w.judged(r, p, a, e)
	if e.Verdict == job.VerdictOK && r.c.strategy == NonPaying {
		return job.SettleFailed{Shard: e.Shard, Attempt: e.Attempt, Certain: job.NotCharged, Code: "over_limit", Now: w.now}
	}
	m, err := w.receipt(r, p, e)
	if err != nil {
		w.fatal = err
	}
	ref := ""
	if e.Verdict == job.VerdictOK {
		ref = m.PayRef
		w.pay(r, p, e)
	}
	return job.Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: ref, Receipt: w.id(), Now: w.now}
}

func (w *world) pay(r *run, p *provider, e job.Settle) {
	v := float64(e.Amount.Value)
	r.c.paid += v
	p.player.paid += v
	p.player.earn(w.day(), v)
	a := r.answers[[2]uint32{e.Shard, e.Attempt}]
	a.paid = true
	p.player.rightPaid += count(!a.wrong)
}

// receipt is signed by the client and, when it is worth having, by the provider.
func (w *world) receipt(r *run, p *provider, e job.Settle) (wire.Receipt, error) {
	sh := r.j.Shards[e.Shard]
	at := sh.Attempts[e.Attempt]
	m := wire.Receipt{
		Job: r.j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider, Payer: r.c.key.PubKey(),
		Image: r.j.Image.Digest, Units: sh.Input.Units, Unit: string(at.Amount.Unit), Rail: r.j.Spec.Payment.Rail,
		Verdict: e.Verdict, Label: e.Label, Class: e.Class, Blame: e.Blame, Audits: e.Audits, RatePPM: e.RatePPM,
		Comparator: r.j.Spec.Verify.Compare, Root: at.Reveal.Root, Commit: at.Commit.Event, Reveal: at.Reveal.Event,
		StartedMS: at.Offered.UnixMilli(), EndedMS: max(at.Offered.UnixMilli(), at.Ended.UnixMilli()),
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
	doc, err := r.c.book.Ledger().Issue(r.c.key, m, w.now)
	if err != nil || e.Verdict != job.VerdictOK {
		return m, err
	}
	both, err := wire.SignBeside(p.key, doc, wire.RoleProvider, w.now)
	if err != nil {
		return m, err
	}
	_, err = r.c.book.Ledger().AddReceipt(both)
	return m, err
}

// expect lets a provider that has shown a result wait for its money, and write
// down that none came. Only clients that cheat are watched: from the others
// everything comes in time.
func (w *world) expect(r *run, a *answer, e job.Fetch) {
	if r.c.strategy == Honest || a.wrong {
		return
	}
	w.after(unpaidAfter, func() error {
		if a.paid || a.p.gone {
			return nil
		}
		w.tally.unpaid++
		if a.p.book == nil {
			var err error
			if a.p.book, err = reputation.NewBook(a.p.key.PubKey(), store.NewMem(), reputation.Default()); err != nil {
				return err
			}
		}
		at := r.j.Shards[e.Shard].Attempts[e.Attempt]
		_, err := a.p.book.Ledger().Issue(a.p.key, wire.Receipt{
			Job: r.j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider, Payer: r.c.key.PubKey(),
			Image: r.j.Image.Digest, Units: w.cfg.Units, Unit: string(at.Amount.Unit), Rail: r.j.Spec.Payment.Rail,
			Verdict: wire.VerdictUnpaid, Label: job.LabelClaimed, Class: at.Class, Blame: wire.BlameClient, Root: a.root,
			Commit: at.Commit.Event, Reveal: at.Reveal.Event, StartedMS: at.Offered.UnixMilli(), EndedMS: max(at.Offered.UnixMilli(), at.Ended.UnixMilli()),
		}, w.now)
		return err
	})
}
