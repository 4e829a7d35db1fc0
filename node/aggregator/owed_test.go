package aggregator_test

import (
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/wire"
)

// A provider that takes its money and signs nothing does not cost the client its
// result, and the aggregator bills what was signed for.
func TestPaidAndUnsignedIsDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	var unsigned atomic.Bool
	unsigned.Store(true)
	for range 3 {
		w.Liar(nodetest.Script{Unsigned: &unsigned})
	}
	agg := w.Add("aggregator", node.RoleAggregator)
	id := w.submit("unsigned", "aggregator: "+agg.NPub()+"\nverify: {mode: quorum}")
	j := w.client.Wait(id)
	w.right(j)
	const fee = 4 // of 4 shards
	if j.Cost.Amount != fee {
		t.Errorf("the client paid %d, want %d: nobody signed for more", j.Cost.Amount, fee)
	}
}

// A client that does not pay for its job is said not to have paid, gets no other
// job driven, and owes nothing any more when it has paid after all.
func TestUnpaidBillIsTold(t *testing.T) {
	t.Parallel()
	w := newErrandWorld(t, 20)
	agg := w.agg
	agg.Stop()
	agg.Config.Trust.BillGrace = time.Millisecond
	agg.Start()
	owes := func() int {
		e, err := agg.API().Reputation(t.Context(), w.client.NPub())
		if err != nil {
			return -1
		}
		return e.Owes
	}
	id := w.hand("left-behind")
	w.becomes(agg, id, "running")
	w.client.Stop()
	w.open()
	nodetest.Predicate(t, 60*time.Second, "the aggregator says that it was not paid", func() bool { return owes() == 1 })
	list, err := agg.API().Receipts(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, r := range list {
		if r.Verdict == wire.VerdictUnpaid {
			told++
			if r.Blame != wire.BlameClient || r.Payer != w.client.NPub() {
				t.Errorf("%+v", r)
			}
		}
	}
	if told != 1 {
		t.Errorf("it is told %d times", told)
	}
	w.client.Start()
	w.right(w.client.Wait(id))
	nodetest.Predicate(t, 60*time.Second, "it owes nothing any more", func() bool { return owes() == 0 })
	w.right(w.client.Wait(w.hand("another")))
}
