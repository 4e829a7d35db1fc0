package account

import (
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// compareTerms lays the peer's totals beside ours, keeps what the channel to it
// shows as a dispute, and takes the dispute back where they meet.
// before is the channel from the peer as it was before the peer was asked: notes
// may have come since.
func (r *Rail) compareTerms(peer identity.PubKey, before point, t wire.PayTerms) (diffs []payments.Difference, err error) {
	err = r.s.Update(func(tx store.Txn) error {
		a, known, err := load(tx, peer)
		if err != nil || !known {
			return err
		}
		diffs = nil
		r.compareOut(peer, &a, t, &diffs)
		r.compareBack(peer, &a, before, point{Seq: t.BackSeq, Total: t.Back}, &diffs)
		r.compareSettled(peer, a, t, &diffs)
		r.overdue(peer, a, &diffs)
		return r.save(tx, peer, a, known)
	})
	return diffs, err
}

func (r *Rail) difference(peer identity.PubKey, kind string, ours, theirs uint64) payments.Difference {
	return payments.Difference{
		Peer: peer, Kind: kind,
		Amount: payments.Amount{Value: max(ours, theirs) - min(ours, theirs), Unit: r.cfg.Unit},
	}
}

// compareOut looks at the channel to the peer. A note in flight may be decided
// there and not yet here.
func (r *Rail) compareOut(peer identity.PubKey, a *account, t wire.PayTerms, diffs *[]payments.Difference) {
	// Who has taken nothing of us may have forgotten what it refused.
	forgot := t.Seq == 0 && t.Owed == 0 && a.Paid.Total == 0
	same := forgot || t.Seq == a.Paid.Seq && t.Owed == a.Paid.Total
	p := a.Paid.Pending
	inFlight := p != nil && t.Seq == p.Seq && (t.Owed == a.Paid.Total || t.Owed == a.Paid.Total+p.Amount)
	if same || inFlight {
		if same && p == nil {
			a.Paid.Dispute, a.Paid.Theirs = "", nil
		}
		return
	}
	why := fmt.Sprintf("we are at note %d with a total of %d, they are at note %d with a total of %d",
		a.Paid.Seq, a.Paid.Total, t.Seq, t.Owed)
	a.Paid.Dispute = why
	d := r.difference(peer, payments.KindTotals, a.Paid.Total, t.Owed)
	d.What = "paid to them: " + why
	if t.Owed < a.Paid.Total {
		d.Certain = fmt.Sprintf("they have countersigned a total of %d, which their own signature shows to anyone", a.Paid.Total)
		d.Doing = "nothing is paid to them until their books are whole again: they lost a part of them, or deny it"
	} else {
		d.Certain = fmt.Sprintf("we hold their signature for a total of %d; for more they would have to show our notes", a.Paid.Total)
		d.Doing = "nothing is paid to them until this is looked into: our books lost a part, or they make it up"
	}
	*diffs = append(*diffs, d)
}

// compareBack looks at the channel from the peer, as the peer says it is.
func (r *Rail) compareBack(peer identity.PubKey, a *account, before, theirs point, diffs *[]payments.Difference) {
	if a.mayBe(before, theirs) {
		if theirs.Seq == a.Got.Seq {
			a.Got.Dispute, a.Got.Theirs = "", nil
		}
		return
	}
	why := fmt.Sprintf("we are at note %d with a total of %d, they are at note %d with a total of %d",
		a.Got.Seq, a.Got.Total, theirs.Seq, theirs.Total)
	a.Got.Dispute = why
	d := r.difference(peer, payments.KindTotals, a.Got.Total, theirs.Total)
	d.What = "paid by them: " + why
	d.Certain = fmt.Sprintf("we hold their notes for a total of %d", a.Got.Total)
	d.Doing = "their next note is refused until the books meet; the last note of ours goes with the refusal"
	*diffs = append(*diffs, d)
}

// mayBe reports whether the peer can honestly have that of its own channel to
// us: what we have, or had when it was asked, or one note less where our answer
// is still on its way.
func (a account) mayBe(before, theirs point) bool {
	if theirs.Seq == a.Got.Seq {
		return theirs.Total == a.Got.Total
	}
	return theirs.Seq < a.Got.Seq && theirs.Seq+1 >= before.Seq && theirs.Total <= a.Got.Total &&
		(theirs.Seq < before.Seq || theirs.Total >= before.Total)
}

// compareSettled looks at what was made good of our debt.
func (r *Rail) compareSettled(peer identity.PubKey, a account, t wire.PayTerms, diffs *[]payments.Difference) {
	if r.cfg.Net || t.Settled == a.Paid.Settled {
		return
	}
	d := r.difference(peer, payments.KindSettled, a.Paid.Settled, t.Settled)
	d.What = fmt.Sprintf("made good to them: %d as we have it, %d as they do", a.Paid.Settled, t.Settled)
	d.Certain = "what the wallet or the chain shows of it, and no more"
	d.Doing = "the settlement in question is looked up and told to them again"
	*diffs = append(*diffs, d)
}

func (r *Rail) overdue(peer identity.PubKey, a account, diffs *[]payments.Difference) {
	b := r.balance(peer, a)
	if b.Overdue == 0 {
		return
	}
	*diffs = append(*diffs, payments.Difference{
		Peer: peer, Kind: payments.KindOverdue, Amount: payments.Amount{Value: b.Overdue, Unit: r.cfg.Unit},
		What:    fmt.Sprintf("of %d they owe, %d are overdue, the oldest since %s", b.Exposure, b.Overdue, b.Since.Format("2006-01-02")),
		Certain: "they signed for all of it",
		Doing:   "it counts against their limit until it is made good; nothing collects it",
	})
}

// heard looks at what a note says of the channel the other way. A note may have
// been signed long ago and sent again, so only that the peer has more of ours
// than we do is a difference for certain.
func (a *account) heard(n wire.CreditNote) {
	most := a.Paid.Total
	seq := a.Paid.Seq
	if p := a.Paid.Pending; p != nil {
		most, seq = most+p.Amount, p.Seq
	}
	if n.Back > most || n.BackSeq > seq {
		a.Paid.Dispute = fmt.Sprintf("we are at note %d with a total of %d, they are at note %d with a total of %d",
			a.Paid.Seq, a.Paid.Total, n.BackSeq, n.Back)
	}
}
