package serving_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/node/infer/meter"
	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// dropped sends a request and leaves it when it is under way at the engine.
func dropped(t *testing.T, e *servingtest.Engine, c *client, body string, ready func(*http.Response) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://p/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(HeaderLease, c.job.String())
	served := e.Served.Load()
	if ready == nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := c.http.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		until(t, "the engine has the request", func() bool { return e.Served.Load() > served })
		cancel()
		<-done
	} else {
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if !ready(resp) {
			t.Error("the answer does not come")
		}
		cancel()
		_ = resp.Body.Close()
	}
	until(t, "the request ends", func() bool { _, n := c.r.s.Inflight(c.key.PubKey(), c.job); return n == 0 })
}

// TestPromptsAreNotFree has a client leave each request before its first byte:
// the prompts that the engine read are metered by the estimate, in streams and
// not, and a window that leaves them out is disputed.
func TestPromptsAreNotFree(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	r.cfg.Grace = 0
	r.start(r.disk)
	c := r.client()
	mustLease(t, c, 1000, 500)
	text := "!mute " + strings.Repeat("word ", 20) // 106 bytes
	dropped(t, e, c, chat(text, ""), nil)
	dropped(t, e, c, chat(text, `,"stream":true`), nil)
	c.ask(chat("x", ""))
	if want := (totals{3, 27 + 27 + 1, 1}); c.used != want {
		t.Errorf("metered %+v, want %+v", c.used, want)
	}
	if got := c.say(c.windowOf(totals{1, 1, 1}), nil); codeOf(got) != CodeDisputed {
		t.Errorf("a window without them: %v", texts(got))
	}
	c.settle()
}

// TestEstimateAgrees holds what is metered for prompts that were left against
// what the client's side makes of the same body.
func TestEstimateAgrees(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	var sum uint64
	for _, body := range []string{
		chat("!mute", ""), chat("!mute on four", `,"max_tokens":9,"user":"somebody"`),
		`{"model":"m","messages":[{"role":"system","content":"be \u00e4\n"},{"role":"user","content":"!mute \ud83d\ude00 \u4e2d"}]}`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"!mute a"},{"type":"text","text":"bcd"}]}]}`,
	} {
		ask, err := meter.ReadAsk([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		sum += ask.Estimate()
		dropped(t, e, c, body, nil)
		c.ask(chat("x", ""))
		if sum++; c.used.In != sum {
			t.Fatalf("%s: metered %d in all, counted %d", body, c.used.In, sum)
		}
	}
}

// TestOwnEndIsFree ends a connection from the provider's side: what it broke
// off itself is not metered.
func TestOwnEndIsFree(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	ctx, cancel := context.WithCancel(t.Context())
	mine, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.s.ServeNetConn(ctx, c.key.PubKey(), theirs)
	}()
	body := chat("!mute word", "")
	if _, err := fmt.Fprintf(mine, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", HeaderLease, c.job, len(body), body); err != nil {
		t.Fatal(err)
	}
	until(t, "the engine has the request", func() bool { return e.Served.Load() == 1 })
	cancel()
	<-done
	_ = mine.Close()
	c.ask(chat("x", ""))
	if want := (totals{1, 1, 1}); c.used != want {
		t.Errorf("metered %+v, want %+v", c.used, want)
	}
}

// TestBrokenOffWhole reads most of a long answer that is no stream, whose usage
// stands at its end, and leaves.
func TestBrokenOffWhole(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	r.model.Context = 100_000
	r.model.Rates = []payments.TokenRate{{In: 1, Out: 2, Unit: payments.Credits}}
	r.start(r.disk)
	c := r.client()
	mustLease(t, c, 1000, 500)
	const words = 40_000
	text := strings.TrimSpace(strings.Repeat("word ", words))
	dropped(t, e, c, chat(text, `,"max_tokens":50000`), func(resp *http.Response) bool {
		n, _ := io.ReadFull(bufio.NewReader(resp.Body), make([]byte, 150_000))
		return n == 150_000
	})
	c.ask(chat("x", ""))
	if out := c.used.Out; out < 150_000/4 || out > 50_001 {
		t.Errorf("of %d tokens three quarters were had and %d metered", words, out)
	}
}

// TestGrowingStreams begins many streams that name no maximum: they may not all
// outgrow the window, only one of them.
func TestGrowingStreams(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 8, 8))
	r.cfg.OutGuess = 8
	r.model.Rates = []payments.TokenRate{{In: 0, Out: 100_000, Unit: payments.Credits}}
	r.start(r.disk)
	c := r.client()
	const window, budget, streams = 300, 9000, 8
	mustLease(t, c, budget, window)
	var all sync.WaitGroup
	var mu sync.Mutex
	var sum, largest uint64
	for range streams {
		all.Go(func() {
			resp, err := c.post("/v1/chat/completions", strings.NewReader(chat("!flood", `,"stream":true`)))
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if u, ok := ParseUsage(resp.Trailer.Get(HeaderUsage)); ok {
				mu.Lock()
				defer mu.Unlock()
				sum, largest = sum+u.Out/10, max(largest, u.Out/10)
			}
		})
	}
	all.Wait()
	// A piece of an answer that was read already may pass its reservation.
	if slop := uint64(streams * 50); sum-largest > window+slop || sum == 0 {
		t.Errorf("%d are unpaid, %d of them of one answer, with a window of %d", sum, largest, window)
	}
}

// TestManyQuotes asks for far more quotes than are remembered: the newest holds,
// and another client is not turned away.
func TestManyQuotes(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 1, 1))
	greedy, other := r.client(), r.client()
	for i := range 500 {
		o := wire.InferOffer{Job: wire.ID{1, byte(i), byte(i >> 8)}, Model: testCID, Unit: "credits", Rail: "credit", Budget: 1000, Deadline: r.now().Add(time.Hour).Unix()}
		if _, err := r.s.Quote(t.Context(), greedy.key.PubKey(), greedy.seal(o)); err != nil {
			t.Fatalf("quote %d: %v", i, err)
		}
	}
	mustLease(t, greedy, 1000, 500)
	mustLease(t, other, 1000, 500)
}

// TestDeadlineInMidStream lets a lease's deadline pass while an answer is on its
// way: the answer goes on, another does not begin, and what it used is paid.
func TestDeadlineInMidStream(t *testing.T) {
	t.Parallel()
	e := &servingtest.Engine{}
	r := newRig(t, newPool(t, e, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	dropped(t, e, c, chat("!hang one two", `,"stream":true`), func(resp *http.Response) bool {
		r.pass(2 * time.Hour)
		refused, text := c.ask(chat("x", ""))
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		return err == nil && strings.Contains(line, "one") && refused.StatusCode == 402 && strings.Contains(text, CodeLeaseEnded)
	})
	r.pass(time.Minute)
	got := c.say(c.windowOf(totals{}), nil)
	m, err := wire.Decode[wire.Error](got[0])
	if err != nil || m.Code != CodeRefused && m.Code != CodeDisputed {
		t.Fatal(texts(got))
	}
	c.used = totals{1, 4, 1} // "!hang one two" are 13 bytes
	w := c.next()
	w.Last = true
	got = c.say(w, func() wire.Event {
		if err := c.pay(w); err != nil {
			t.Error(err)
		}
		return c.seal(c.receipt(w))
	})
	if codeOf(got) != "Countersign" {
		t.Error(texts(got))
	}
}

// TestUnpaidBoundedByCredit has a client that never pays lease all that it can
// of several models, ask on all of them and state windows: what it owes in the
// end is no more than the rail's credit, whatever the windows would allow.
func TestUnpaidBoundedByCredit(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 8, 64))
	r.credit.Limit = 700
	r.cfg.LeasesPeer = 12
	r.start(r.disk)
	others := []string{"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}
	for i, cid := range others {
		m := r.model
		m.CID, m.Name = cid, fmt.Sprintf("other%d", i)
		if err := r.s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	c := r.client()
	owed := map[wire.ID]uint64{}
	for i := range 20 {
		c.cid = append(others, testCID)[i%3]
		_, _, err := c.lease(1000, 500)
		if i < 12 != (err == nil) {
			t.Fatalf("lease %d: %v", i, err)
		}
		if err != nil {
			continue
		}
		for {
			resp, _ := c.ask(chat(strings.Repeat("x ", 10), `,"max_tokens":10`))
			if resp.StatusCode != http.StatusOK {
				break
			}
			owed[c.job] = c.used.In + 2*c.used.Out
			if c.used.Requests == 3 { // it goes on beside a window that is not paid
				if got := c.say(c.next(), nil); codeOf(got) != "Progress" {
					t.Fatal(texts(got))
				}
			}
		}
	}
	var sum uint64
	for _, one := range owed {
		sum += one
	}
	if sum > 700 || sum < 500 {
		t.Errorf("%d are unpaid on %d leases, with a credit of 700", sum, len(owed))
	}
}
