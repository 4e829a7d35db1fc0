package delivery_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// forger is a buyer that makes its documents by hand.
type forger struct {
	*party
	seller *party
	last   wire.Delivery
}

// next is an honest delivery of so many bytes.
func (f *forger) next(bytes uint64) wire.Delivery {
	d := wire.Delivery{Account: f.last.Account, Seq: f.last.Seq + 1, Bytes: bytes, Total: f.last.Total + bytes,
		Price: f.seller.cfg.Price, Unit: "credits", Rail: "credit"}
	if d.Account.IsZero() {
		d.Account, d.Seq = wire.RandomID(), 0
	}
	d.Amount = priceOf(f.t, d.Price, d.Total) - priceOf(f.t, d.Price, f.last.Total)
	return d
}

func (f *forger) seal(m wire.Message) wire.Event {
	f.t.Helper()
	ev, err := wire.Seal(f.key, m, f.net.now())
	if err != nil {
		f.t.Fatal(err)
	}
	return ev
}

// say states documents on one stream and returns the answers.
func (f *forger) say(docs ...wire.Message) (answers []wire.Event) {
	f.t.Helper()
	c, err := f.jobConn(context.Background(), f.seller.id())
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for _, m := range docs {
		ev, ok := m.(sealed)
		if !ok {
			ev = sealed{f.seal(m), m}
		}
		if err := wire.WriteEvent(c, ev.Event); err != nil {
			break
		}
		a, err := wire.ReadEvent(in)
		if err != nil {
			break
		}
		answers = append(answers, a)
	}
	return answers
}

// sealed is a message whose document is there already.
type sealed struct {
	wire.Event
	wire.Message
}

func (s sealed) Kind() wire.Kind { return s.Event.Kind }

// code is the code of the last answer, or the kind of another document.
func code(list []wire.Event) string {
	if len(list) == 0 {
		return "nothing"
	}
	ev := list[len(list)-1]
	if m, err := wire.Decode[wire.Error](ev); err == nil {
		return m.Code
	}
	return ev.Kind.String()
}

func (f *forger) ref(d wire.Delivery) payments.Ref {
	return payments.NewRef(wire.DeliveryJob(f.id(), f.seller.id(), d.Account).String(), d.Seq, 0)
}

func (f *forger) pay(d wire.Delivery) error {
	_, rail := f.party.now()
	_, err := rail.Pay(context.Background(), payments.Payment{Ref: f.ref(d), Peer: f.seller.id(),
		Amount: payments.Amount{Value: d.Amount, Unit: payments.Credits}})
	return err
}

func (f *forger) receipt(d wire.Delivery) wire.Receipt {
	at := f.net.now().UnixMilli()
	r := wire.Receipt{Job: wire.DeliveryJob(f.id(), f.seller.id(), d.Account), Shard: d.Seq, Provider: f.seller.id(), Payer: f.id(),
		Units: d.Bytes, Amount: d.Amount, Unit: d.Unit, Rail: d.Rail, Verdict: wire.VerdictOK, Label: wire.LabelDelivered,
		StartedMS: at, EndedMS: at}
	if d.Amount > 0 {
		r.PayRef = string(f.ref(d))
	}
	return r
}

// settle states, pays and has signed an honest delivery.
func (f *forger) settle(bytes uint64) {
	f.t.Helper()
	d := f.next(bytes)
	if got := code(f.say(d)); got != "Progress" {
		f.t.Fatalf("stated: %s", got)
	}
	if d.Amount > 0 {
		if err := f.pay(d); err != nil {
			f.t.Fatal(err)
		}
	}
	if got := code(f.say(d, f.receipt(d))); got != "Countersign" {
		f.t.Fatalf("receipt: %s", got)
	}
	f.last = d
}

// pour has the seller serve until n bytes came or it stops, and returns how many
// came and why it stopped.
func (f *forger) pour(n int) (came int, err error) {
	mine, theirs := net.Pipe()
	s, _ := f.seller.now()
	rw, end, err := s.Serve(context.Background(), f.id(), testCID, false, theirs)
	if err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for left := n; left > 0 && err == nil; {
			var k int
			k, err = rw.Write(make([]byte, min(left, mib)))
			left -= k
		}
		end()
		_ = theirs.Close()
		done <- err
	}()
	buf := make([]byte, mib)
	for came < n {
		k, err := mine.Read(buf)
		came += k
		if err != nil {
			break
		}
	}
	return came, <-done
}

// newForger returns a buyer by hand and a seller that runs.
func newForger(t *testing.T, cfg Config) *forger {
	n := newNetwork(t)
	f := &forger{party: n.join(small(0)), seller: n.join(cfg)}
	f.seller.run()
	return f
}

// TestNeverPays gives a peer that pays nothing one window, whatever it opens,
// and another for each day that passes.
func TestNeverPays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		began := time.Now()
		came, err := f.pour(100 * mib)
		if came != 8*mib || !errors.Is(err, ErrUnpaid) || time.Since(began) > f.seller.cfg.PayTime+time.Second || time.Since(began) < f.seller.cfg.PayTime {
			t.Errorf("%d bytes in %v: %v", came, time.Since(began), err)
		}
		for range 3 {
			if came, err := f.pour(mib); came > 0 || !errors.Is(err, ErrUnpaid) {
				t.Errorf("%d bytes more: %v", came, err)
			}
		}
		f.net.pass(12 * time.Hour)
		if came, err := f.pour(100 * mib); came > 4*mib+mib/8 || came < 4*mib-mib/8 || !errors.Is(err, ErrUnpaid) {
			t.Errorf("%d bytes after half a day: %v", came, err)
		}
		f.net.pass(30 * 24 * time.Hour)
		if came, err := f.pour(100 * mib); came != 8*mib || !errors.Is(err, ErrUnpaid) {
			t.Errorf("%d bytes after a month: %v", came, err)
		}
	})
}

// TestClaimsLess pays for half of what comes: it gains a window, and a
// sixty-fourth, and then nothing is served to it.
func TestClaimsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		served := uint64(0)
		for range 40 {
			came, err := f.pour(2 * mib)
			if served += uint64(came); err != nil {
				break
			}
			f.settle(mib)
		}
		if gain := served - f.last.Total; gain > f.seller.cfg.Window+f.last.Total/64 || gain < f.seller.cfg.Window-2*mib {
			t.Errorf("%d bytes came, %d were paid for", served, f.last.Total)
		}
	})
}

// TestFalseDeliveries states what is not so.
func TestFalseDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		if _, err := f.pour(6 * mib); err != nil {
			t.Fatal(err)
		}
		f.settle(mib)
		for name, tt := range map[string]struct {
			change func(*wire.Delivery)
			code   string
		}{
			"more than was served":  {func(d *wire.Delivery) { *d = f.next(5*mib + 1) }, CodeMetered},
			"an amount of its own":  {func(d *wire.Delivery) { d.Amount-- }, CodeMismatch},
			"a number left out":     {func(d *wire.Delivery) { d.Seq++ }, CodeMismatch},
			"another total":         {func(d *wire.Delivery) { d.Total++ }, CodeMismatch},
			"another price":         {func(d *wire.Delivery) { d.Price, d.Amount = 1, 1 }, CodeMismatch},
			"a new account's price": {func(d *wire.Delivery) { *d = first(1, mib) }, CodePrice},
			"a later one of a new":  {func(d *wire.Delivery) { d.Account = wire.RandomID() }, CodeUnknown},
			"another rail":          {func(d *wire.Delivery) { d.Rail = "lightning" }, CodeMismatch},
			"another unit":          {func(d *wire.Delivery) { d.Unit = "msat" }, CodeMismatch},
			"free of charge":        {func(d *wire.Delivery) { *d = first(0, mib) }, CodeMetered},
		} {
			d := f.next(mib)
			tt.change(&d)
			if got := f.say(d); code(got) != tt.code {
				t.Errorf("%s: %s", name, code(got))
			}
		}
		// What was refused left no trace.
		f.settle(5 * mib)
		if _, got := balance(t, f.seller, f.party); got != priceOf(t, 1000, 6*mib) {
			t.Errorf("received %d", got)
		}
	})
}

func first(price, bytes uint64) wire.Delivery {
	d := wire.Delivery{Account: wire.RandomID(), Bytes: bytes, Total: bytes, Price: price, Unit: "credits", Rail: "credit"}
	if price > 0 {
		d.Amount = 1
	}
	return d
}

// TestReplays says again what was said: it gets the same answers, and one
// payment counts once.
func TestReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		if _, err := f.pour(7 * mib); err != nil {
			t.Fatal(err)
		}
		d := f.next(mib)
		one, two := f.say(d), f.say(d)
		if code(one) != "Progress" || one[0].ID != two[0].ID {
			t.Errorf("%s, %s", code(one), code(two))
		}
		if got := code(f.say(d, f.receipt(d))); got != CodeUnpaid {
			t.Errorf("a receipt before the payment: %s", got)
		}
		if got := code(f.say(first(1000, mib))); got != "Progress" {
			t.Errorf("another account: %s", got)
		}
		f.last = d
		if got := code(f.say(f.next(mib))); got != CodeUnpaid {
			t.Errorf("a delivery after an unpaid one: %s", got)
		}
		if err := f.pay(d); err != nil {
			t.Fatal(err)
		}
		bad := f.receipt(d)
		bad.Units++
		if got := code(f.say(d, bad)); got != CodeMismatch {
			t.Errorf("a receipt of more bytes: %s", got)
		}
		a, b := f.say(d, f.receipt(d)), f.say(d, f.receipt(d))
		if code(a) != "Countersign" || code(b) != "Countersign" || a[1].ID != b[1].ID {
			t.Errorf("%s, %s", code(a), code(b))
		}
		before := traffic(t, f.seller, f.party)
		// Accounts enough to have the first one forgotten, and then that again.
		for range 4 {
			f.last = wire.Delivery{}
			f.settle(mib)
		}
		if got := code(f.say(d)); got != CodeMismatch {
			t.Errorf("a delivery of a forgotten account that was paid: %s", got)
		}
		after := traffic(t, f.seller, f.party)
		if _, got := balance(t, f.seller, f.party); got != after.Earned || before.Unpaid-after.Unpaid != 4*mib {
			t.Errorf("received %d; %+v, then %+v", got, before, after)
		}
	})
}

// TestForeign has one peer bring what is another's.
func TestForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		thief := &forger{party: f.net.join(small(0)), seller: f.seller}
		if _, err := f.pour(2 * mib); err != nil {
			t.Fatal(err)
		}
		if _, err := thief.pour(2 * mib); err != nil {
			t.Fatal(err)
		}
		d := f.next(mib)
		f.say(d)
		if err := f.pay(d); err != nil {
			t.Fatal(err)
		}
		// The same account is another one for another peer: it is not paid.
		if got := code(thief.say(d)); got != "Progress" {
			t.Errorf("%s", got)
		}
		r := f.receipt(d)
		if got := code(thief.say(d, r)); got != CodeMismatch {
			t.Errorf("another's receipt: %s", got)
		}
		own := thief.receipt(d)
		own.PayRef = string(f.ref(d))
		if got := code(thief.say(d, own)); got != CodeMismatch {
			t.Errorf("a receipt with another's payment: %s", got)
		}
		if got := code(thief.say(d, thief.receipt(d))); got != CodeUnpaid {
			t.Errorf("a receipt of its own: %s", got)
		}
		if l := traffic(t, f.seller, thief.party); l.Earned != 0 || l.Unpaid != 2*mib {
			t.Errorf("%+v", l)
		}
	})
}

// TestPriceChange bills an account by the price that it was begun at, for a day.
func TestPriceChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		if _, err := f.pour(4 * mib); err != nil {
			t.Fatal(err)
		}
		f.settle(mib)
		reprice := func(price uint64) {
			f.seller.cfg.Price = price
			f.seller.start(f.seller.disk)
			f.seller.run()
			<-time.After(time.Second)
			f.seller.cfg.Price = 1000 // what next makes of it
		}
		reprice(2000)
		f.settle(mib)
		reprice(3000)
		f.net.pass(23 * time.Hour)
		f.settle(mib)
		f.net.pass(2 * time.Hour)
		got := f.say(f.next(mib))
		m, err := wire.Decode[wire.Error](got[0])
		if err != nil || m.Code != CodePrice || !strings.HasPrefix(m.Text, "3000 credits") {
			t.Errorf("%+v, %v", m, err)
		}
	})
}
