package serving_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/rails"
)

// dollars takes USDC too, from a rail that locks money first or does not.
type dollars struct {
	*rails.Set
	funds bool

	mu       sync.Mutex
	room     uint64
	expected []payments.Payment
}

func (d *dollars) Takes(rail string, unit payments.Unit) bool {
	return rail == "polygon" && unit == payments.MicroUSDC || d.Set.Takes(rail, unit)
}

func (d *dollars) Funds(unit payments.Unit) bool { return unit == payments.MicroUSDC && d.funds }

func (d *dollars) RoomFor(ctx context.Context, peer identity.PubKey, unit payments.Unit) (payments.Amount, error) {
	if unit != payments.MicroUSDC {
		return d.Set.RoomFor(ctx, peer, unit)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return payments.Amount{Value: d.room, Unit: unit}, nil
}

func (d *dollars) Expect(ctx context.Context, p payments.Payment) error {
	if p.Amount.Unit != payments.MicroUSDC {
		return d.Set.Expect(ctx, p)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expected = append(d.expected, p)
	return nil
}

func (d *dollars) give(room uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = room
}

// A model is sold in two units, each with its own price, window and room. Where
// money can be locked a quote needs no room, and an answer does.
func TestTwoUnits(t *testing.T) {
	t.Parallel()
	for _, funds := range []bool{true, false} {
		r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
		d := &dollars{funds: funds}
		r.over = func(s *rails.Set) Rail { d.Set = s; return d }
		r.model.Rates = append(r.model.Rates, payments.TokenRate{In: 30_000_000, Out: 60_000_000, Unit: payments.MicroUSDC})
		r.start(r.disk)
		c := r.client()
		c.unit, c.on = "uusdc", "polygon"
		_, _, err := c.lease(1_000_000, 100_001)
		if want := map[bool]string{true: CodeRefused, false: CodeCredit}[funds]; CodeOf(err) != want {
			t.Fatalf("funds %v: a window too large: %v", funds, err)
		}
		if !funds {
			continue
		}
		if _, _, err := c.lease(1_000_000, 100_000); err != nil || c.rate.Out != 60_000_000 {
			t.Fatalf("%+v, %v", c.rate, err)
		}
		if resp, body := c.ask(chat("one two", "")); resp.StatusCode != http.StatusPaymentRequired || !strings.Contains(body, CodeNoCredit) {
			t.Errorf("served without room: %d %s", resp.StatusCode, body)
		}
		d.give(1_000_000)
		if resp, body := c.ask(chat("one two", "")); resp.StatusCode != http.StatusOK || c.used.Out == 0 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		w := c.next()
		c.say(w, nil)
		if want := 30*c.used.In + 60*c.used.Out; w.Amount != want || len(d.expected) != 1 || d.expected[0].Amount != (payments.Amount{Value: want, Unit: payments.MicroUSDC}) {
			t.Errorf("%d for %+v; expected %+v", w.Amount, c.used, d.expected)
		}
		owing := r.client() // the other unit is as before
		if _, _, err := owing.lease(2000, 1001); CodeOf(err) != CodeRefused {
			t.Errorf("a window too large: %v", err)
		}
		if _, _, err := owing.lease(2000, 1000); err != nil || owing.rate.Out != 2_000_000 {
			t.Errorf("%+v, %v", owing.rate, err)
		}
	}
}
