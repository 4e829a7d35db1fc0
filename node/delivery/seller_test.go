package delivery_test

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// answer seals m by the party and sends it.
func (p *party) answer(st Stream, m wire.Message) {
	if ev, err := wire.Seal(p.key, m, p.net.now()); err == nil {
		_ = wire.WriteEvent(st, ev)
	}
}

// TestLyingSellers has sellers answer deliveries in every false way. The buyer
// pays none of them for more than came, none of them twice, and goes on living.
func TestLyingSellers(t *testing.T) {
	t.Parallel()
	accept := func(p *party, from identity.PubKey, d wire.Delivery) wire.Progress {
		return wire.Progress{Job: wire.DeliveryJob(from, p.id(), d.Account), Shard: d.Seq, State: wire.StateAccepted}
	}
	for name, lie := range map[string]func(p *party, st Stream, from identity.PubKey, ev wire.Event, d wire.Delivery){
		"silent": func(*party, Stream, identity.PubKey, wire.Event, wire.Delivery) {},
		"garbage": func(_ *party, st Stream, _ identity.PubKey, _ wire.Event, _ wire.Delivery) {
			_, _ = st.Write([]byte("\xff\xff\xff\xff no frame"))
		},
		"echo": func(_ *party, st Stream, _ identity.PubKey, ev wire.Event, _ wire.Delivery) {
			_ = wire.WriteEvent(st, ev)
		},
		"meters more": func(p *party, st Stream, _ identity.PubKey, ev wire.Event, d wire.Delivery) {
			p.answer(st, wire.Error{Ref: ev.ID, Code: CodeMetered, Text: fmt.Sprintf("%s%d", Metered, d.Bytes+1)})
		},
		"meters nothing": func(p *party, st Stream, _ identity.PubKey, ev wire.Event, _ wire.Delivery) {
			p.answer(st, wire.Error{Ref: ev.ID, Code: CodeMetered, Text: Metered + "0"})
		},
		"knows no account": func(p *party, st Stream, _ identity.PubKey, ev wire.Event, _ wire.Delivery) {
			p.answer(st, wire.Error{Ref: ev.ID, Code: CodeUnknown})
		},
		"an error about something else": func(p *party, st Stream, _ identity.PubKey, _ wire.Event, _ wire.Delivery) {
			p.answer(st, wire.Error{Ref: wire.RandomID(), Code: CodeUnknown})
		},
		"accepts another": func(p *party, st Stream, from identity.PubKey, _ wire.Event, d wire.Delivery) {
			m := accept(p, from, d)
			m.Shard++
			p.answer(st, m)
		},
		"accepts and expects nothing": func(p *party, st Stream, from identity.PubKey, _ wire.Event, d wire.Delivery) {
			p.answer(st, accept(p, from, d))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				seller, buyer := n.join(small(1000)), n.join(small(0))
				var asked atomic.Int64
				seller.lie(func(st Stream, from identity.PubKey, ev wire.Event) {
					asked.Add(1)
					d, err := wire.Decode[wire.Delivery](ev)
					if err != nil {
						t.Error(err)
					}
					lie(seller, st, from, ev, d)
				})
				buyer.run()
				move(t, buyer, seller, 3*mib, 1000, false)
				<-time.After(time.Hour)
				if paid, _ := balance(t, buyer, seller); paid != 0 {
					t.Errorf("paid %d", paid)
				}
				if n := asked.Load(); n == 0 || n > 40 {
					t.Errorf("asked %d times in an hour", n)
				}
				// An honest seller at last, a week later: what is still open is paid.
				seller.lie(nil)
				<-time.After(10 * time.Minute)
				if paid, _ := balance(t, buyer, seller); paid > priceOf(t, 1000, 3*mib) {
					t.Errorf("paid %d", paid)
				}
			})
		})
	}
}

// TestUnsigned has a seller take the payment and sign no receipt: the buyer
// keeps it with its own signature and does not pay again.
func TestUnsigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		seller, buyer := n.join(small(1000)), n.join(small(0))
		seller.run()
		buyer.run()
		seller.lie(func(st Stream, from identity.PubKey, ev wire.Event) {
			s, _ := seller.now()
			_ = s.ServeOn(t.Context(), cut{st}, from, ev)
		})
		move(t, buyer, seller, 3*mib, 1000, false)
		<-time.After(30 * time.Minute)
		list := receipts(t, buyer, seller)
		if paid, _ := balance(t, buyer, seller); paid != priceOf(t, 1000, 3*mib) || len(list) == 0 || list[0].Countersigned {
			t.Errorf("paid %d, %d receipts", paid, len(list))
		}
		if l := traffic(t, buyer, seller); l.Owed != 0 || l.Paid == 0 {
			t.Errorf("%+v", l)
		}
	})
}

// cut is a stream that ends after the first answer.
type cut struct{ Stream }

func (c cut) ReadByte() (byte, error) { return 0, io.EOF }

// TestPriceRose tells a buyer that asked for another price at once, by the error
// of its stream, and takes nothing of it.
func TestPriceRose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		seller, buyer := n.join(small(1000)), n.join(small(0))
		seller.run()
		buyer.run()
		x, err := begin(buyer, seller, 900, false)
		if err != nil {
			t.Fatal(err)
		}
		x.send(20*mib, mib)
		began := time.Now()
		err = x.take(20 * mib)
		if !errors.Is(err, ErrPrice) || time.Since(began) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		x.end()
		<-x.werr
		if paid, _ := balance(t, buyer, seller); paid != 0 {
			t.Errorf("paid %d", paid)
		}
	})
}

// TestFreeAfterAll pays nothing for what the seller counts as free, and has it
// receipted so.
func TestFreeAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		seller, buyer := n.join(small(1000)), n.join(small(0))
		seller.run()
		buyer.run()
		move(t, buyer, seller, 5*mib, 1000, true)
		<-time.After(time.Minute)
		checkReceipts(t, buyer, seller, 5*mib, 0)
		if l := traffic(t, buyer, seller); l.Owed != 0 || l.Paid != 0 {
			t.Errorf("%+v", l)
		}
	})
}

// TestOnlyGood pays for what was found good: all of a stream that was closed in
// order, of one that was broken off what more had followed, or what the caller
// told.
func TestOnlyGood(t *testing.T) {
	for name, tt := range map[string]struct {
		told, want uint64
		orderly    bool
	}{
		"closed":            {0, 5 * mib, true},
		"reset":             {0, 4 * mib, false}, // less the lag
		"reset, and told":   {2 * mib, 2*mib + 2*mib/32 + 64<<10, false},
		"nothing was good":  {1, 1 + 64<<10, false},
		"told, and closed":  {2 * mib, 5 * mib, true},
		"told more than is": {100 * mib, 5 * mib, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				seller, buyer := n.join(small(1000)), n.join(small(0))
				buyer.cfg.PayAt = 64 * mib
				buyer.start(buyer.disk)
				seller.run()
				buyer.run()
				x, err := begin(buyer, seller, 1000, false)
				if err != nil {
					t.Fatal(err)
				}
				x.send(5*mib, mib)
				if tt.told > 0 {
					x.got.(interface{ Verified(uint64) }).Verified(tt.told)
				}
				if err := x.take(5 * mib); err != nil {
					t.Fatal(err)
				}
				if tt.orderly {
					err = x.got.Close()
				} else {
					err = x.got.(interface{ Reset() error }).Reset()
				}
				if x.end(); err != nil {
					t.Error(err)
				}
				<-time.After(time.Minute)
				if l := traffic(t, seller, buyer); l.Served-l.Unpaid != tt.want || l.Earned != priceOf(t, 1000, tt.want) {
					t.Errorf("%+v, want %d bytes paid", l, tt.want)
				}
			})
		})
	}
}

// TestSmallWindow goes on when the seller's window is smaller than what the
// buyer pays at: a reader that waits has seen all that came.
func TestSmallWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		cfg := small(1000)
		cfg.Window = 4 * mib
		seller, buyer := n.join(cfg), n.join(Default())
		seller.run()
		buyer.run()
		began := time.Now()
		move(t, buyer, seller, 40*mib, 1000, false)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%v", took)
		}
		<-time.After(5 * time.Second)
		if l := traffic(t, seller, buyer); l.Unpaid != 0 || l.Earned != priceOf(t, 1000, 40*mib) {
			t.Errorf("%+v", l)
		}
	})
}
