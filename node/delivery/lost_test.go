package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// TestForgottenMeter believes a buyer of what a crash took from the meter, up to
// a window, once.
func TestForgottenMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		f := &forger{party: n.join(small(0)), seller: n.join(small(1000))} // which writes nothing down
		if _, err := f.pour(6 * mib); err != nil {
			t.Fatal(err)
		}
		f.settle(mib) // but what is claimed
		f.seller.start(f.seller.disk)
		if _, err := f.pour(mib); err != nil {
			t.Fatal(err)
		}
		f.settle(8 * mib)
		if got := code(f.say(f.next(8 * mib))); got != CodeMetered {
			t.Errorf("above a window: %s", got)
		}
		f.settle(5 * mib)
		if got := code(f.say(f.next(2 * mib))); got != CodeMetered {
			t.Errorf("again: %s", got)
		}
	})
}

// TestGivenUp keeps accounts that wait for a payment until the rail waits no
// more; then their bytes can be claimed on another.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForger(t, small(1000))
		if _, err := f.pour(4 * mib); err != nil {
			t.Fatal(err)
		}
		var first wire.Delivery
		for range 4 {
			f.last = wire.Delivery{}
			if first = f.next(mib); code(f.say(first)) != "Progress" {
				t.Fatal("not accepted")
			}
		}
		f.last = wire.Delivery{}
		if _, err := f.pour(mib); err != nil {
			t.Fatal(err)
		}
		if got := code(f.say(f.next(mib))); got != CodeUnpaid {
			t.Errorf("a fifth account: %s", got)
		}
		f.net.pass(25 * time.Hour)
		_, rail := f.seller.now()
		if rep, err := rail.Sweep(t.Context()); err != nil || rep.Waived != 4 {
			t.Fatalf("%+v, %v", rep, err)
		}
		for range 5 { // each takes the place of one that was given up
			f.last = wire.Delivery{}
			f.settle(mib)
		}
		if l := traffic(t, f.seller, f.party); l.Earned != 5 || l.Unpaid != 0 {
			t.Errorf("%+v", l)
		}
		if got := code(f.say(first)); got != CodeMetered { // which is another one by now
			t.Errorf("one that was given up: %s", got)
		}
	})
}

// TestStatedAnew has the seller die at each write while it takes a delivery in,
// and the buyer state other numbers then: the first give way.
func TestStatedAnew(t *testing.T) {
	for write := range 6 {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			f := &forger{party: n.join(small(0)), seller: n.join(small(1000))}
			if _, err := f.pour(6 * mib); err != nil {
				t.Fatal(err)
			}
			f.settle(mib)
			if s, _ := f.seller.now(); s.WriteDown() != nil {
				t.Fatal("not written down")
			}
			dying := &crashing{Store: f.seller.disk, left: write}
			f.seller.start(dying)
			d := f.next(mib)
			taken := code(f.say(d)) == "Progress"
			dying.kill()
			f.seller.start(f.seller.disk)
			if taken {
				return // no write was left to die at
			}
			f.settle(3 * mib)
			if l := traffic(t, f.seller, f.party); l.Earned != priceOf(t, 1000, 4*mib) {
				t.Errorf("write %d: %+v", write, l)
			}
		})
	}
}

// TestPaidOnce kills the buyer at each write, and has the seller know nothing of
// the account afterwards, if it was paid or not: no byte is paid for twice.
func TestPaidOnce(t *testing.T) {
	for write := range 16 {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			seller, buyer := n.join(small(1000)), n.join(small(0))
			seller.run()
			dying := &crashing{Store: buyer.disk, left: -1, after: write%2 == 0}
			buyer.start(dying)
			buyer.run()
			carry(buyer, seller, 3*mib)
			<-time.After(15 * time.Minute) // an account that is old may be replaced
			dying.arm(write)
			carry(buyer, seller, 3*mib)
			<-time.After(5 * time.Second)
			seller.lie(func(st Stream, _ identity.PubKey, ev wire.Event) {
				seller.answer(st, wire.Error{Ref: ev.ID, Code: CodeUnknown})
			})
			dying.kill()
			buyer.start(buyer.disk)
			buyer.run()
			<-time.After(20 * time.Minute)
			seller.lie(nil)
			<-time.After(20 * time.Minute)
			paid, _ := balance(t, buyer, seller)
			_, got := balance(t, seller, buyer)
			if most := priceOf(t, 1000, 6*mib) + 1; paid != got || paid > most || traffic(t, buyer, seller).Paid != paid {
				t.Errorf("write %d: paid %d, received %d, at most %d", write, paid, got, most)
			}
		})
	}
}
