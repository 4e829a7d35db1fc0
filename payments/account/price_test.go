package account_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// For any rates and sizes what is quoted is what is charged, noted, signed for,
// shown as evidence, put on the voucher and moved in the bank: one price, to the
// unit, whatever it is called on the way.
func TestOnePrice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w, a, b := newMoneyWorld(t, store.NewMem(), store.NewMem())
		for _, n := range []*node{a, b} {
			n.cfg.Limit, n.cfg.Ceiling = wealth, wealth
			n.restart()
		}
		total := uint64(0)
		for i := range rapid.IntRange(1, 4).Draw(rt, "shards") {
			quoted := drawPrice(rt)
			if quoted.IsZero() {
				continue
			}
			ref := payments.NewRef("job", uint32(i), 0)
			p := payments.Payment{Ref: ref, Peer: b.id(), Amount: quoted}
			from := p
			from.Peer = a.id()
			if err := b.now().Expect(t.Context(), from); err != nil {
				rt.Fatal(err)
			}
			proof, err := a.now().Pay(t.Context(), p)
			if err != nil {
				rt.Fatal(err)
			}
			total += quoted.Value
			evidence(rt, a, b, ref, proof, quoted, total)
		}
		if err := a.settle(t.Context()); err != nil {
			rt.Fatal(err)
		}
		if total > 0 {
			voucher(rt, a, total)
		}
		paidFor(t, w, a, b, total, 0)
	})
}

// drawPrice draws an advertised rate and a size and returns the price.
func drawPrice(rt *rapid.T) payments.Amount {
	size := rapid.Uint64Range(0, 5000).Draw(rt, "size")
	var quoted payments.Amount
	var err error
	switch rapid.IntRange(0, 2).Draw(rt, "kind") {
	case 0:
		rate := payments.Rate{Base: rapid.Uint64Range(0, 900).Draw(rt, "base"), PerUnit: rapid.Uint64Range(0, 20).Draw(rt, "unit"), Unit: payments.MicroUSDC}
		quoted, err = payments.Price(rate, size)
	case 1:
		rate := payments.TokenRate{In: rapid.Uint64Range(0, 900_000).Draw(rt, "in"), Out: rapid.Uint64Range(0, 900_000).Draw(rt, "out"), Unit: payments.MicroUSDC}
		quoted, err = payments.PriceTokens(rate, size, size/2)
	case 2:
		rate := payments.ByteRate{PerGiB: rapid.Uint64Range(0, 900_000).Draw(rt, "gib"), Unit: payments.MicroUSDC}
		quoted, err = payments.PriceSpan(rate, size<<8, size<<16)
	}
	if err != nil {
		rt.Fatal(err)
	}
	return quoted
}

// evidence requires that entries, note and terms all say that price.
func evidence(rt *rapid.T, a, b *node, ref payments.Ref, proof payments.Proof, quoted payments.Amount, total uint64) {
	c, err := wire.ParseCountersigned(proof.Doc)
	if err == nil {
		err = c.Verify(b.id())
	}
	if err != nil {
		rt.Fatal(err)
	}
	n, err := wire.Decode[wire.CreditNote](c.Doc)
	if err != nil || n.Amount != quoted.Value || n.Unit != string(quoted.Unit) || n.Cumulative != total || n.Ref != string(ref) {
		rt.Fatalf("the note says %+v, quoted %s, %v", n, quoted, err)
	}
	for x, peer := range map[*node]*node{a: b, b: a} {
		if e, err := x.now().Status(rt.Context(), peer.id(), ref); err != nil || e.Amount != quoted {
			rt.Fatalf("the journal says %s, quoted %s, %v", e.Amount, quoted, err)
		}
	}
	terms, err := a.now().AskTerms(rt.Context(), b.id())
	if err != nil || terms.Owed != total {
		rt.Fatalf("the payee's terms say %+v, quoted %d in all, %v", terms, total, err)
	}
}

// voucher requires that the settlements add up to the prices.
func voucher(rt *rapid.T, a *node, total uint64) {
	list, err := a.now().Journal().List(payments.Filter{Direction: payments.Out, Prefix: payments.ClassSettle})
	if err != nil || len(list) != 1 {
		rt.Fatal(list, err)
	}
	e, err := wire.Parse(list[0].Doc)
	if err != nil {
		rt.Fatal(err)
	}
	v, err := wire.Decode[wire.Voucher](e)
	if err != nil || v.Total != total || v.Cumulative != total || list[0].Amount.Value != total {
		rt.Fatalf("the voucher says %+v, quoted %d in all, %v", v, total, err)
	}
}

// However work is cut into parts, the parts' prices add up to the price of all.
func TestPartsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rate := payments.ByteRate{PerGiB: rapid.Uint64Range(0, 1<<40).Draw(rt, "rate"), Unit: payments.MilliSat}
		at, sum := uint64(0), payments.Amount{Unit: payments.MilliSat}
		for i := range rapid.IntRange(1, 20).Draw(rt, "parts") {
			to := at + rapid.Uint64Range(0, 1<<20).Draw(rt, fmt.Sprintf("part %d", i))
			part, err := payments.PriceSpan(rate, at, to)
			if err == nil {
				sum, err = sum.Add(part)
			}
			if err != nil {
				rt.Fatal(err)
			}
			at = to
		}
		if whole, err := payments.PriceBytes(rate, at); err != nil || whole != sum {
			rt.Fatalf("parts %s, whole %s, %v", sum, whole, err)
		}
	})
}
