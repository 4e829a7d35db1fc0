package infer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// TestBreakingOffDoesNotPay has a provider break off its answers and claim more
// than came. A little is forgiven, for it may have been lost on the way; above
// the allowance nothing is paid, and nothing for half an answer that was to come
// in one piece.
func TestBreakingOffDoesNotPay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		over         int
		stream, paid bool
	}{{30, true, true}, {600, true, false}, {0, false, false}} {
		t.Run(fmt.Sprintf("%d more, stream %v", c.over, c.stream), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 1)
				b.p[0].In, b.p[0].Out = 0, 1_000_000 // a credit a token
				b.p[0].Script = first(infertest.Script{DieAfter: 3, OverOut: c.over})
				b.start()
				defer b.end()
				res, err := b.r.Do(t.Context(), chat("hello", 1000, c.stream))
				if err == nil {
					readAnswer(t, res, c.stream)
					res.Body.Close()
				}
				<-time.After(b.cfg.LeaseLife + time.Minute)
				for _, l := range b.r.Leases() {
					if c.paid != (l.State == "closed") || l.Paid > b.cfg.CrashAllowance+5 || !c.paid && l.Paid > 0 {
						t.Errorf("lease %+v", l)
					}
				}
			})
		})
	}
}

// TestForgivenOnce has a provider claim a little more in each window: the
// allowance is a lease's, not a window's.
func TestForgivenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out = 0, 1_000_000
		b.p[0].Script = func(n int) infertest.Script {
			if n%2 == 0 {
				return infertest.Script{DieAfter: 3, OverOut: 40}
			}
			return infertest.Script{}
		}
		b.start()
		defer b.end()
		for range 6 {
			res, err := b.r.Do(t.Context(), chat("hello", 100, true))
			if err != nil {
				t.Fatal(err)
			}
			readAnswer(t, res, true)
			res.Body.Close()
			<-time.After(2 * b.cfg.PayIdle)
		}
		<-time.After(b.cfg.LeaseLife)
		// Three answers of 100, three of 3 that were broken off.
		if l := b.r.Leases(); len(l) == 0 || l[len(l)-1].State != "disputed" || l[len(l)-1].Paid > 2*103+b.cfg.CrashAllowance {
			t.Errorf("leases %+v", l)
		}
	})
}

// TestHedgeBooks asks two, of which one never answers: both are paid for the
// prompt, and all books agree in the end. The silent one is not asked first for
// ever.
func TestHedgeBooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.p[0].Script = script(infertest.Script{Delay: time.Hour})
		b.p[0].In, b.p[1].In, b.p[1].Out = 100_000, 100_000, 4000
		b.start()
		defer b.end()
		quick := 0
		for i := range 10 {
			began := time.Now()
			b.do(chat(question(i), 5, i%2 == 0))
			if time.Since(began) < b.cfg.FirstByte {
				quick++
			}
		}
		if asked, _, _ := b.p[0].Served(); quick < 5 || asked > 5 {
			t.Errorf("%d of 10 requests were answered at once; the silent provider was asked %d times", quick, asked)
		}
		<-time.After(b.cfg.LeaseLife + time.Minute)
		b.books()
		for _, l := range b.r.Leases() {
			if l.State != "closed" {
				t.Errorf("lease %+v", l)
			}
		}
	})
}

// TestSecondDoesNotStopFirst has the second provider of a hedge refuse the
// request, as if it were at fault: the first, which is slow, is still heard.
func TestSecondDoesNotStopFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.p[0].Script = script(infertest.Script{Delay: b.cfg.FirstByte + 5*time.Second})
		b.p[1].Out = 4000
		b.p[1].Script = script(infertest.Script{Status: http.StatusBadRequest})
		b.start()
		defer b.end()
		if a, res := b.do(chat("hello", 5, true)); res.Provider != b.p[0].ID() || a.text != infertest.Answer("", 5) {
			t.Errorf("%q of %s", a.text, res.Provider.Short())
		}
	})
}

// TestStallingDoesNotPay claims an answer that never began.
func TestStallingDoesNotPay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.p[0].Script = script(infertest.Script{Delay: time.Hour, OverOut: 100})
		b.p[0].In, b.p[0].Out = 0, 1_000_000
		b.p[1].In, b.p[1].Out = 0, 1_100_000
		b.start()
		defer b.end()
		b.do(chat("hello", 100, true))
		<-time.After(b.cfg.LeaseLife + time.Minute)
		for _, l := range b.r.Leases() {
			if l.Provider == b.p[0].ID() && (l.State != "disputed" || l.Paid > 0) {
				t.Errorf("lease %+v", l)
			}
		}
	})
}

// TestHourCapAtOnce sends many at once: together they stay below the hour's
// limit, also those that their callers leave.
func TestHourCapAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out = 0, 1_000_000
		b.p[0].Script = script(infertest.Script{Every: time.Millisecond})
		b.cfg.HourCap = 200
		b.start()
		defer b.end()
		var all sync.WaitGroup
		var passed atomic.Int64
		for range 20 {
			all.Go(func() {
				res, err := b.r.Do(t.Context(), chat("hello", 60, true))
				if err != nil {
					return
				}
				passed.Add(1)
				readAnswer(t, res, true)
				res.Body.Close()
			})
		}
		all.Wait()
		if n := passed.Load(); n != 3 {
			t.Errorf("%d of 20 requests of 60 passed a limit of 200", n)
		}
		<-time.After(61 * time.Minute)
		// What is left in the middle is known when its window is settled.
		for range 3 {
			res, err := b.r.Do(t.Context(), chat("hello", 150, true))
			if err != nil {
				break
			}
			if _, err := io.ReadFull(res.Body, make([]byte, 8000)); err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			<-time.After(2 * b.cfg.PayIdle)
		}
		<-time.After(time.Second)
		b.failed(chat("hello", 190, true), http.StatusPaymentRequired, infer.CodeBudget)
	})
}

// TestCheaperQuote lowers the price: a request whose limit the old price is
// above is not charged by the lease that was made at it.
func TestCheaperQuote(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].Out = 9000
		b.start()
		defer b.end()
		b.do(chat("one", 5, true))
		synctest.Wait()
		b.p[0].Out = 2000
		<-time.After(b.cfg.QuoteEvery)
		b.do(chat("two", 5, true)) // renews the quotes
		<-time.After(time.Second)
		req := chat("three", 5, true)
		req.MaxPriceOut = payments.Amount{Value: 2500, Unit: payments.Credits}
		_, res := b.do(req)
		if res.PriceOut != 2000 {
			t.Errorf("charged %d with a limit of 2500", res.PriceOut)
		}
		synctest.Wait()
		b.p[0].Out = 8000 // the lease binds the provider
		<-time.After(b.cfg.QuoteEvery)
		b.do(chat("four", 5, true))
		<-time.After(time.Second)
		if _, res = b.do(chat("five", 5, true)); res.PriceOut != 2000 {
			t.Errorf("charged %d by a lease of 2000", res.PriceOut)
		}
		<-time.After(b.cfg.LeaseLife + time.Minute)
		b.books()
	})
}

// TestProviderNeverBack has a provider vanish with a window open: the lease ends
// once the provider must have forgotten it, and is not asked about for ever.
func TestProviderNeverBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.start()
		b.do(chat("hello", 5, true))
		b.p[0].SetAway(true)
		<-time.After(3 * b.cfg.PayIdle)
		if l := b.r.Leases(); len(l) != 1 || l[0].Window != "stated" {
			t.Fatalf("leases %+v", l)
		}
		b.stop()
		aged(t, b.deps.Store, 8*24*time.Hour)
		b.start()
		defer b.end()
		<-time.After(time.Minute)
		if l := b.r.Leases(); len(l) != 1 || l[0].State != "disputed" || l[0].Window != "" || l[0].Paid != 0 {
			t.Errorf("leases %+v", l)
		}
	})
}

// aged puts the deadlines of all stored leases back.
func aged(t *testing.T, disk store.Store, by time.Duration) {
	t.Helper()
	err := disk.Update(func(tx store.Txn) error {
		all := map[string][]byte{}
		err := tx.Scan([]byte("lease/"), func(key, raw []byte) error {
			var c map[string]any
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.UseNumber()
			if err := dec.Decode(&c); err != nil {
				return err
			}
			c["deadline"] = time.Now().Add(-by).Unix()
			out, err := json.Marshal(c)
			all[string(key)] = out
			return err
		})
		for key, raw := range all {
			err = errors.Join(err, tx.Set([]byte(key), raw))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
