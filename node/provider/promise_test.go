package provider

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// bond is one provider, one aggregator, and a job of two revealed attempts.
type bond struct {
	t        *testing.T
	p        *Provider
	agg, own *identity.Key
	rail     *rail
	job      wire.ID
	secret   wire.ID
	offer    wire.JobOffer
	ids      []attemptID
	proofs   []wire.FraudProof
}

// rail knows what was paid.
type rail struct{ captured map[payments.Ref]bool }

func (r *rail) Takes(name string, unit payments.Unit) bool {
	return name == "credit" && unit == payments.Credits
}
func (r *rail) Funds(payments.Unit) bool { return false }
func (r *rail) Expect(context.Context, payments.Payment) error {
	return nil
}
func (r *rail) Waive(context.Context, payments.Payment, string) error { return nil }
func (r *rail) Received(_ context.Context, p payments.Payment) (payments.Entry, error) {
	if r.captured[p.Ref] {
		return payments.Entry{State: payments.StateCaptured}, nil
	}
	return payments.Entry{}, payments.ErrNoEntry
}
func (r *rail) RoomFor(context.Context, identity.PubKey, payments.Unit) (payments.Amount, error) {
	return payments.Amount{Value: 1000, Unit: payments.Credits}, nil
}

func newKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (b *bond) seal(k *identity.Key, m wire.Message) wire.Event {
	b.t.Helper()
	ev, err := wire.Seal(k, m, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return ev
}

const image = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func newBond(t *testing.T) *bond {
	t.Helper()
	b := &bond{
		t: t, agg: newKey(t), own: newKey(t), rail: &rail{map[payments.Ref]bool{}},
		job: wire.RandomID(), secret: wire.RandomID(),
	}
	cfg := Config{Slots: 1, Dir: t.TempDir(), MaxWallClock: time.Hour, Rates: map[payments.Unit]payments.Rate{payments.Credits: {PerUnit: 1, Unit: payments.Credits}}}
	st := store.NewMem()
	p, err := New(cfg, Deps{
		Key: b.own, Store: st, Rail: b.rail, Log: slog.New(slog.DiscardHandler),
		Ledger: reputation.NewLedger(b.own.PubKey(), store.NewMem(), reputation.Default()),
		Fraud:  func(f wire.FraudProof) { b.proofs = append(b.proofs, f) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.p = p
	b.offer = wire.JobOffer{
		Job: b.job, Image: image, Comparator: "exact", Shards: 4, UnitsPerShard: 5, MaxPrice: 100,
		Unit: "credits", Rail: "credit", ShardTimeoutMS: 1000, Deadline: time.Now().Unix() - 10,
		AuditCommit: wire.SecretHash(b.secret), AuditMin: 50_000,
	}
	offer := b.seal(b.agg, b.offer)
	if err := saveAgreement(st, b.agg.PubKey(), b.job, agreement{Offer: offer, Quote: offer, Until: b.offer.Deadline}); err != nil {
		t.Fatal(err)
	}
	for shard := range uint32(2) {
		b.attempt(shard, 41_000+shard)
	}
	return b
}

// attempt stores one that was revealed.
func (b *bond) attempt(shard, n uint32) {
	b.t.Helper()
	const root = "bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaae"
	id := attemptID{b.agg.PubKey(), b.job, shard, n}
	nonce := wire.RandomID()
	commit := b.seal(b.own, wire.Commit{
		Job: b.job, Shard: shard, Attempt: n, Units: 5, Size: 9, StartedMS: 1, EndedMS: 2,
		C: wire.CommitHash(b.job, shard, n, b.own.PubKey(), root, 9, nonce),
	})
	asked := b.seal(b.agg, wire.RevealRequest{Job: b.job, Shard: shard, Attempt: n, Commits: []wire.ID{commit.ID}})
	rec := record{ID: id, State: Committed, Commit: &commit, Root: root, Size: 9, Nonce: nonce, StartedMS: 1, EndedMS: 2,
		Accept: b.seal(b.agg, wire.Accept{
			Quote: wire.RandomID(), Job: b.job, Shard: shard, Attempt: n, Image: image, Units: 5, Amount: 5,
			Unit: "credits", Rail: "credit", TimeoutMS: 1000, Deadline: b.offer.Deadline,
		})}
	if err := saveRecord(b.p.Store, rec); err != nil {
		b.t.Fatal(err)
	}
	l := newLive(rec)
	b.p.attempts[id] = l
	if err := b.p.reveal(l, rec, asked); err != nil {
		b.t.Fatal(err)
	}
	b.ids = append(b.ids, id)
}

// fair is what an honest aggregator discloses.
func (b *bond) fair() wire.Disclosure {
	var rows []wire.Drawn
	for _, id := range b.ids {
		rec, _ := b.p.attempts[id].snapshot()
		c, err := wire.Decode[wire.Commit](*rec.Commit)
		if err != nil {
			b.t.Fatal(err)
		}
		rows = append(rows, wire.Drawn{
			Shard: id.Shard, Attempt: id.Attempt, RatePPM: 400_000,
			Audited: wire.Audited(wire.AuditDraw(b.secret, b.job, id.Shard, id.Attempt, c.C), 400_000),
		})
	}
	return wire.Disclosures(b.job, b.own.PubKey(), b.secret, 50_000, rows)[0]
}

func (b *bond) check(m wire.Disclosure, at time.Time) checked {
	b.t.Helper()
	ev, err := wire.Seal(b.agg, m, at)
	if err != nil {
		b.t.Fatal(err)
	}
	agreed, err := readAgreement(b.p.Store, b.agg.PubKey(), b.job)
	if err != nil {
		b.t.Fatal(err)
	}
	records, err := jobRecords(b.p.Store, b.agg.PubKey(), b.job)
	if err != nil || len(records) != len(b.ids) {
		b.t.Fatalf("%d records, %v", len(records), err)
	}
	return checkDisclosure(agreed, records, []shownDoc{{ev, m}})
}

// Whatever of a promise is broken is seen, and proven where documents do.
func TestPromisesOfAudits(t *testing.T) {
	t.Parallel()
	b := newBond(t)
	if c := b.check(b.fair(), time.Now()); len(c.Faults) != 0 {
		t.Fatalf("a fair disclosure: %v", c.Faults)
	}
	for name, tc := range map[string]struct {
		change func(*wire.Disclosure)
		proof  bool
	}{
		"another secret":       {func(m *wire.Disclosure) { m.Secret = wire.RandomID() }, true},
		"a smaller promise":    {func(m *wire.Disclosure) { m.AuditMin = 10 }, true},
		"a lower rate":         {func(m *wire.Disclosure) { m.Rows[0].RatePPM, m.Rows[0].Audited = 0, false }, true},
		"the lottery reversed": {func(m *wire.Disclosure) { m.Rows[1].Audited = !m.Rows[1].Audited }, true},
		"one left out":         {func(m *wire.Disclosure) { m.Rows = m.Rows[:1] }, false},
	} {
		m := b.fair()
		tc.change(&m)
		c := b.check(m, time.Now())
		if len(c.Faults) == 0 {
			t.Errorf("%s: nothing was noticed", name)
		}
		if (c.proof != nil) != tc.proof {
			t.Errorf("%s: proven %v: %v", name, c.proof != nil, c.Faults)
		}
		if c.proof != nil && (c.proof.Subject != b.agg.PubKey() || c.proof.Validate() != nil) {
			t.Errorf("%s: the proof does not hold", name)
		}
	}
	// Said twice, and not the same.
	first := b.check(b.fair(), time.Now())
	m := b.fair()
	m.Rows[0].RatePPM, m.Rows[0].Audited = wire.PPM, true
	second := b.check(m, time.Now())
	second.against(b.agg.PubKey(), first.Docs)
	if second.proof == nil || second.proof.Fault != wire.FaultTwoDisclosures {
		t.Errorf("two disclosures: %+v", second.proof)
	}
}

// Who neither pays nor objects owes it: a receipt tells, and no quote is given
// until the money has come.
func TestUnpaidWork(t *testing.T) {
	t.Parallel()
	b := newBond(t)
	ctx, now := t.Context(), time.Now()
	b.rail.captured[b.ids[1].ref()] = true // this one only lost its receipt
	if err := b.p.collectOwed(ctx, now); err != nil {
		t.Fatal(err)
	}
	if err := b.p.solvent(ctx, b.agg.PubKey()); err != nil {
		t.Fatalf("in the time of grace: %v", err)
	}
	late := now.Add(unpaidGrace + time.Second)
	for range 2 { // again changes nothing
		if err := b.p.collectOwed(ctx, late); err != nil {
			t.Fatal(err)
		}
	}
	records, err := b.p.Ledger.ByJob(b.job)
	if err != nil || len(records) != 1 || records[0].Receipt.Verdict != wire.VerdictUnpaid || records[0].Receipt.Attempt != b.ids[0].Attempt {
		t.Fatalf("receipts: %+v, %v", records, err)
	}
	var refused *Refusal
	if err := b.p.solvent(ctx, b.agg.PubKey()); !errors.As(err, &refused) || refused.Code != CodeCredit {
		t.Errorf("a debtor: %v", err)
	}
	if err := b.p.solvent(ctx, newKey(t).PubKey()); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	b.rail.captured[b.ids[0].ref()] = true
	if err := b.p.solvent(ctx, b.agg.PubKey()); err != nil {
		t.Errorf("after it has paid: %v", err)
	}
}

// TestAllThatIsOwedIsRead counts what a client owes behind any number of attempts
// that it paid late.
func TestAllThatIsOwedIsRead(t *testing.T) {
	t.Parallel()
	b := newBond(t)
	const late = 2*maxSweep + 3
	for n := range uint32(late + 2) {
		b.attempt(3, n)
	}
	for i, id := range b.ids[2:] {
		if err := b.p.Store.Update(func(tx store.Txn) error { return tx.Set(owedKey(id), nil) }); err != nil {
			t.Fatal(err)
		}
		if i < late {
			b.rail.captured[id.ref()] = true
		}
	}
	if open, forgiven, err := b.p.owes(t.Context(), b.agg.PubKey()); err != nil || open != 2 || forgiven != late {
		t.Errorf("%d open and %d forgiven, %v; want 2 and %d", open, forgiven, err, late)
	}
}
