package infer_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/paymentstest"
)

func TestOverclaimIsNotPaid(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]infertest.Script{"out": {OverOut: 5000}, "in": {OverIn: 5000}} {
		for _, stream := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBed(t, 2)
					b.p[0].In, b.p[0].Out = 500, 1000
					b.p[0].Script = script(s)
					b.deps.Penalise = b.punish
					b.start()
					defer b.end()
					if _, res := b.do(chat("hello", 20, stream)); res.Provider != b.p[0].ID() {
						t.Fatal("the liar was not asked")
					}
					<-time.After(time.Minute)
					if n := b.punished(b.p[0].ID()); n == 0 {
						t.Error("the over-claim counts for nothing")
					}
					l := b.r.Leases()
					if len(l) != 1 || l[0].State != "disputed" || l[0].Refused < 4700 || l[0].Paid != 0 || l[0].OutTokens > 21 {
						t.Errorf("leases %+v", l)
					}
					rec, err := b.ledger.ByPeer(b.p[0].ID(), 0)
					if err != nil || len(rec) != 1 || rec[0].Receipt.Verdict != "bad" || rec[0].Receipt.Amount != 0 {
						t.Errorf("receipts %+v, %v", rec, err)
					}
					if _, res := b.do(chat("hello again", 20, stream)); res.Provider != b.p[1].ID() {
						t.Error("the liar is asked again a minute later")
					}
				})
			})
		}
	}
}

// TestOverclaimWithoutTokenizer holds claims against bytes and events.
func TestOverclaimWithoutTokenizer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.deps.Tokens = nil
		b.p[0].Script = first(infertest.Script{OverOut: 5000})
		b.start()
		defer b.end()
		b.do(chat("hello", 20, true))
		<-time.After(time.Minute)
		if l := b.r.Leases(); len(l) != 1 || l[0].State != "disputed" || l[0].Refused < 4000 {
			t.Errorf("leases %+v", l)
		}
	})
}

func TestQuotesLowChargesHigh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].Inflate = 100_000
		b.start()
		defer b.end()
		b.do(chat("hello", 20, true))
		<-time.After(time.Minute)
		l := b.r.Leases()
		if len(l) != 1 || l[0].State != "disputed" || l[0].Paid != 0 || !strings.Contains(l[0].Reason, "100020") {
			t.Errorf("leases %+v", l)
		}
		rec, err := b.ledger.ByPeer(b.p[0].ID(), 0)
		if err != nil || len(rec) != 1 || rec[0].Receipt.Verdict != "inconclusive" {
			t.Errorf("receipts %+v, %v", rec, err)
		}
	})
}

func TestWindowsAreCutAtTheirSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out = 1_000_000, 1_000_000 // a credit a token
		b.cfg.Budget, b.cfg.Window, b.cfg.PayAt = 1000, 200, 100
		b.p[0].Window = 150
		b.start()
		defer b.end()
		for range 60 {
			b.do(chat("what do I owe", 40, true)) // 47 tokens
			synctest.Wait()
		}
		<-time.After(20 * time.Second)
		if paid := b.books(); paid != 60*47 {
			t.Errorf("paid %d, want %d", paid, 60*47)
		}
		leases := b.p[0].Leases()
		if len(leases) < 3 {
			t.Errorf("%d leases of at most 1000 credits paid for %d", len(leases), 60*47)
		}
		for _, l := range leases {
			if l.Price() > 1000 {
				t.Errorf("a lease cost %d of 1000", l.Price())
			}
			for seq, w := range l.Windows {
				if w.Amount > 200 {
					t.Errorf("window %d cost %d of 200", seq, w.Amount)
				}
			}
			if len(l.Signed) < len(l.Windows)-1 {
				t.Errorf("%d receipts for %d windows", len(l.Signed), len(l.Windows))
			}
		}
	})
}

func TestLostLeaseIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1).start()
		defer b.end()
		b.do(chat("one", 5, true))
		<-time.After(10 * time.Second)
		b.p[0].Forget()
		if a, _ := b.do(chat("two", 5, true)); a.text != infertest.Answer("", 5) {
			t.Errorf("%q", a.text)
		}
		if l := b.r.Leases(); len(l) != 2 {
			t.Errorf("leases %+v", l)
		}
	})
}

func TestLeaseEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1).start()
		defer b.end()
		b.do(chat("one", 5, true))
		<-time.After(b.cfg.LeaseLife + time.Minute)
		b.do(chat("two", 5, true))
		<-time.After(10 * time.Second)
		b.books()
		if l := b.r.Leases(); len(l) != 2 || l[1].State != "closed" || l[0].State != "open" {
			t.Errorf("leases %+v", l)
		}
	})
}

func TestRefusalsOfMoney(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*bed)
		req    func(*infer.Request)
		status int
		code   string
	}{
		{"nobody", func(b *bed) { b.p[0].Name, b.p[0].Model = "other", otherModel }, nil, 404, openai.CodeModelNotFound},
		{"too long", func(b *bed) { b.p[0].Context = 64 }, func(r *infer.Request) { r.Body = chat(strings.Repeat("word ", 1000), 5, true).Body }, 400, openai.CodeContextLength},
		{"no quote", func(b *bed) { b.p[0].NoQuotes = true }, nil, 503, infer.CodeNoProvider},
		{"silent", func(b *bed) { b.p[0].SlowQuotes = true }, nil, 503, infer.CodeNoProvider},
		{"away", func(b *bed) { b.p[0].SetAway(true) }, nil, 503, infer.CodeNoProvider},
		{"too dear", nil, func(r *infer.Request) { r.MaxPriceOut = payments.Amount{Value: 2999, Unit: payments.Credits} }, 402, infer.CodeTooDear},
		{"a limit in what is not paid in", nil, func(r *infer.Request) { r.MaxPriceOut = payments.Amount{Value: 9_000_000, Unit: payments.MilliSat} }, 400, ""},
		{"too dear for the node", func(b *bed) { b.cfg.MaxPriceIn = 999 }, nil, 402, infer.CodeTooDear},
		{"credit", func(b *bed) { b.p[0].Credit = 0 }, nil, 402, infer.CodeCredit},
		{"provider's credit", func(b *bed) { b.p[0].Script = script(infertest.Script{Status: 402, Code: "credit"}) }, nil, 402, infer.CodeCredit},
		{"an hour's limit", func(b *bed) { b.cfg.HourCap = 5 }, nil, 402, infer.CodeBudget},
		{"a lease's budget", func(b *bed) { b.cfg.Budget, b.cfg.Window, b.cfg.PayAt = 5, 5, 5 }, nil, 402, infer.CodeBudget},
		{"no JSON", nil, func(r *infer.Request) { r.Body = []byte("[]") }, 400, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 1)
				if c.change != nil {
					c.change(b)
				}
				b.start()
				defer b.end()
				req := chat("hello", 0, true)
				if c.req != nil {
					c.req(&req)
				}
				if e := b.failed(req, c.status, c.code); len(e.Message) < 20 {
					t.Errorf("%q does not help", e.Message)
				}
			})
		})
	}
}

const otherModel = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

func TestHourCapCountsWhatWasSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].In, b.p[0].Out = 0, 1_000_000
		b.cfg.HourCap = 100
		b.start()
		defer b.end()
		b.do(chat("one", 60, true))
		b.failed(chat("two", 60, true), 402, infer.CodeBudget)
		<-time.After(61 * time.Minute)
		b.do(chat("three", 60, true))
	})
}

// TestRailFaults loses, doubles and delays messages of payments.
func TestRailFaults(t *testing.T) {
	t.Parallel()
	for _, f := range paymentstest.Faults {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 1).start()
				defer b.end()
				for i := range 5 {
					b.fault(f)
					b.do(chat(question(i), 300, true))
					<-time.After(20 * time.Second)
				}
				<-time.After(10 * time.Minute)
				b.books()
				if l := b.r.Leases(); l[0].Paid != l[0].Spent || l[0].Window != "" {
					t.Errorf("lease %+v", l[0])
				}
			})
		})
	}
}
