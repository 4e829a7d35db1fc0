package infer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/infertest"
	"infernet.tech/infernet/reputation"
)

func TestAnswerAndPayment(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]bool{"stream": true, "whole": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 1).start()
				defer b.end()
				a, res := b.do(chat("what is what", 20, stream))
				if want := infertest.Answer("", 20); a.text != want {
					t.Errorf("%q, want %q", a.text, want)
				}
				if a.usage == nil || a.usage.PromptTokens != 6 || a.usage.CompletionTokens != 20 {
					t.Errorf("usage %+v", a.usage)
				}
				if res.Provider != b.p[0].ID() || res.Lease.IsZero() || res.PriceOut != 3000 || res.Model != infertest.Model {
					t.Errorf("response %+v", res)
				}
				<-time.After(8 * time.Second)
				synctest.Wait()
				if paid := b.books(); paid != 1 {
					t.Errorf("paid %d, want 1: 6 in at 1000, 20 out at 3000 per million", paid)
				}
				rec, err := b.ledger.ByPeer(b.p[0].ID(), 0)
				if err != nil || len(rec) != 1 || !rec[0].Countersigned || rec[0].Receipt.OutTokens != 20 || rec[0].Receipt.Units != 26 {
					t.Errorf("receipts %+v, %v", rec, err)
				}
			})
		})
	}
}

func TestHotPathIsLocal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 3).start()
		defer b.end()
		b.do(chat("one", 4, true))
		s0, q0, d0 := b.net.Counts()
		for i := range 20 {
			b.do(chat("one", 4+i, true))
		}
		if s, q, d := b.net.Counts(); s != s0 || q != q0 || d != d0 {
			t.Errorf("20 requests made %d searches, %d quotes and %d connections", s-s0, q-q0, d-d0)
		}
	})
}

func TestSlowProviderIsHedged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.p[0].Script = script(infertest.Script{Delay: time.Hour})
		b.p[1].Out = 4000
		b.start()
		defer b.end()
		began := time.Now()
		a, res := b.do(chat("hello", 5, true))
		if took := time.Since(began); took != b.cfg.FirstByte {
			t.Errorf("took %s, want the %s until the second is asked", took, b.cfg.FirstByte)
		}
		if res.Provider != b.p[1].ID() || a.text != infertest.Answer("", 5) {
			t.Errorf("%q of %s", a.text, res.Provider.Short())
		}
		synctest.Wait()
		if _, active, cuts := b.p[0].Served(); active != 0 || cuts != 1 {
			t.Errorf("the slower one still has %d requests, %d were cut", active, cuts)
		}
	})
}

func TestNobodyBeginsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		for _, p := range b.p {
			p.Script = script(infertest.Script{Delay: time.Hour})
		}
		b.start()
		defer b.end()
		b.failed(chat("hello", 5, true), http.StatusBadGateway, openai.CodeUpstream)
		synctest.Wait()
		for _, p := range b.p {
			if _, active, _ := p.Served(); active != 0 {
				t.Error("a provider still works")
			}
		}
	})
}

func TestFailureBeforeFirstByte(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]infertest.Script{
		"500": {Status: 500}, "503": {Status: 503, Code: "engine_crashed"}, "429": {Status: 429},
		"404": {Status: 404, Code: openai.CodeModelNotFound}, "402": {Status: 402, Code: "credit"}, "dies": {DieAfter: 0, GarbageAt: 0, Status: 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 2)
				b.p[0].Script = script(s)
				b.p[1].Out = 4000
				b.start()
				defer b.end()
				a, res := b.do(chat("hello", 5, true))
				if res.Provider != b.p[1].ID() || a.text != infertest.Answer("", 5) {
					t.Errorf("%q of %s", a.text, res.Provider.Short())
				}
			})
		})
	}
}

func TestRequestsOwnFaultIsPassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		for _, p := range b.p {
			p.Script = script(infertest.Script{Status: 400, Code: openai.CodeContextLength, Type: openai.TypeInvalidRequest})
		}
		b.start()
		defer b.end()
		e := b.failed(chat("hello", 5, true), 400, openai.CodeContextLength)
		if e.Message != "scripted refusal" || e.Type != openai.TypeInvalidRequest {
			t.Errorf("%+v", e)
		}
		n0, _, _ := b.p[0].Served()
		n1, _, _ := b.p[1].Served()
		if n0+n1 != 1 {
			t.Errorf("%d providers were asked for what everyone refuses", n0+n1)
		}
	})
}

func TestContinuedElsewhere(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]infertest.Script{
		"dies": {DieAfter: 3}, "silent": {SilentAfter: 3}, "error": {ErrorAfter: 3},
		"garbage": {GarbageAt: 3}, "half a character": {HalfUTF8At: 3}, "huge": {HugeAt: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 2)
				b.p[0].Script = script(s)
				b.p[1].Out = 4000
				b.start()
				defer b.end()
				req := chat("count for me", 10, true)
				req.Deterministic = true
				began := time.Now()
				a, _ := b.do(req)
				if a.text != infertest.Answer("", 10) || a.err != nil || a.last != "done" {
					t.Errorf("%q, %v, %s", a.text, a.err, a.last)
				}
				if len(a.ids) != 1 {
					t.Errorf("the events have %d ids", len(a.ids))
				}
				if a.usage == nil || a.usage.CompletionTokens != 10 {
					t.Errorf("usage %+v", a.usage)
				}
				if took := time.Since(began); took > b.cfg.Idle {
					t.Errorf("took %s", took)
				}
				if n, _, _ := b.p[1].Served(); n != 1 {
					t.Errorf("the second was asked %d times", n)
				}
			})
		})
	}
}

func TestBrokenStreamEndsWithError(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]infertest.Script{
		"dies": {DieAfter: 3}, "silent": {SilentAfter: 3}, "error": {ErrorAfter: 3},
		"garbage": {GarbageAt: 3}, "half a character": {HalfUTF8At: 3}, "huge": {HugeAt: 3},
		"endless": {Endless: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 2)
				b.cfg.MaxAnswer = 2 << 20
				b.p[0].Script = script(s)
				b.p[1].Out = 4000
				b.start()
				defer b.end()
				a, _ := b.do(chat("count for me", 10, true))
				if a.last != "error" || a.err == nil || a.err.Type != openai.TypeUpstream || a.err.Code == "" {
					t.Errorf("ends with %s, %+v", a.last, a.err)
				}
				if want := infertest.Answer("", 3); !strings.HasPrefix(a.text, want) || !s.Endless && a.text != want {
					t.Errorf("%.80q, want %q", a.text, want)
				}
				synctest.Wait()
				if _, active, _ := b.p[0].Served(); active != 0 {
					t.Error("the provider still works on it")
				}
			})
		})
	}
}

func TestSecondAnswerDiffers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.p[0].Script = script(infertest.Script{DieAfter: 3})
		b.p[1].Script = script(infertest.Script{Salt: "other"})
		b.p[1].Out = 4000
		b.start()
		defer b.end()
		req := chat("count for me", 10, true)
		req.Deterministic = true
		a, _ := b.do(req)
		if a.text != infertest.Answer("", 3) || a.last != "error" {
			t.Errorf("%q, ends with %s", a.text, a.last)
		}
	})
}

func TestEndsWithoutMark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].Script = script(infertest.Script{NoDone: true})
		b.start()
		defer b.end()
		if a, _ := b.do(chat("hello", 5, true)); a.last != "done" || a.usage == nil {
			t.Errorf("ends with %s", a.last)
		}
	})
}

func TestClientGoes(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(io.Closer, context.CancelFunc){
		"closes":  func(c io.Closer, _ context.CancelFunc) { c.Close() },
		"cancels": func(c io.Closer, cancel context.CancelFunc) { cancel(); defer c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 1)
				b.p[0].Script = script(infertest.Script{Endless: true, Every: 10 * time.Millisecond})
				b.start()
				defer b.end()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				res, err := b.r.Do(ctx, chat("hello", 0, true))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
				leave(res.Body, cancel)
				synctest.Wait()
				if _, active, cuts := b.p[0].Served(); active != 0 || cuts != 1 {
					t.Errorf("%d still active, %d cut, without any time passing", active, cuts)
				}
				if _, err := res.Body.Read(make([]byte, 1<<20)); err == nil {
					if _, err = io.ReadAll(res.Body); err == nil || errors.Is(err, io.EOF) {
						t.Error("the body of an answer that was given up looks whole")
					}
				}
				<-time.After(10 * time.Second) // what was sent is paid for
				b.books()
			})
		})
	}
}

// TestSlowReader reads a little of an endless answer: the provider is not ahead
// by more than the connection's buffers.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].Script = script(infertest.Script{Endless: true})
		b.start()
		defer b.end()
		res, err := b.r.Do(t.Context(), chat("hello", 0, true))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.ReadFull(res.Body, make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // everything that could be sent was
		<-time.After(time.Hour / 2)
		if n := b.p[0].Sent(); n > 500 {
			t.Errorf("%d events were sent ahead of a reader of two", n)
		}
	})
}

func TestRefusedReceipt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.p[0].NoReceipts = true
		b.start()
		defer b.end()
		b.do(chat("hello", 50, true))
		<-time.After(time.Minute)
		if paid := b.books(); paid == 0 {
			t.Error("an accepted window was not paid")
		}
		rec, err := b.ledger.ByPeer(b.p[0].ID(), 0)
		if err != nil || len(rec) != 1 || rec[0].Countersigned || rec[0].Receipt.Verdict != string(reputation.OK) {
			t.Errorf("receipts %+v, %v", rec, err)
		}
	})
}

// TestProviderVanishes has a provider stop without closing anything, as a killed
// machine does: within seconds the answer goes on elsewhere, or ends.
func TestProviderVanishes(t *testing.T) {
	t.Parallel()
	for name, deterministic := range map[string]bool{"goes on": true, "ends": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, 2)
				b.p[0].Script = script(infertest.Script{SilentAfter: 3})
				b.p[1].Out = 4000
				b.start()
				defer b.end()
				req := chat("count for me", 10, true)
				req.Deterministic = deterministic
				res, err := b.r.Do(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				b.p[0].SetAway(true)
				began := time.Now()
				a := readAnswer(t, res, true)
				if took := time.Since(began); took > 8*time.Second {
					t.Errorf("took %s", took)
				}
				if deterministic != (a.text == infertest.Answer("", 10)) || deterministic != (a.last == "done") {
					t.Errorf("%q, ends with %s", a.text, a.last)
				}
			})
		})
	}
}
