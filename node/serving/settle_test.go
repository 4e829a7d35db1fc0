package serving_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	. "infernet.tech/infernet/node/serving"
	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

func newPool(t testing.TB, e *servingtest.Engine, parallel, queue int) Pool {
	t.Helper()
	p, err := servingtest.New(e, parallel, queue)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func mustLease(t testing.TB, c *client, budget, window uint64) {
	t.Helper()
	if _, _, err := c.lease(budget, window); err != nil {
		t.Fatal(err)
	}
}

// TestLifeOfALease goes through quote, lease, requests, windows and receipts,
// with a restart, and repeats every document.
func TestLifeOfALease(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)

	resp, text := c.ask(chat("one two three", `,"stream":true`))
	if resp.StatusCode != http.StatusOK || !strings.HasSuffix(text, "data: [DONE]\n\n") || resp.Header.Get(HeaderLease) != c.job.String() {
		t.Fatalf("%d %q %v", resp.StatusCode, text, resp.Header)
	}
	if got := resp.Trailer.Get(HeaderUsage); got != "in=3,out=3,total_in=3,total_out=3,requests=1" {
		t.Errorf("usage %q", got)
	}
	if resp, _ = c.ask(chat("four five", "")); resp.Trailer.Get(HeaderUsage) != "in=2,out=2,total_in=5,total_out=5,requests=2" {
		t.Errorf("usage %q", resp.Trailer.Get(HeaderUsage))
	}

	w := c.next()
	if w.Amount != 15 {
		t.Fatalf("5 and 5 tokens cost %d", w.Amount)
	}
	early := c.say(w, func() wire.Event { return c.seal(c.receipt(w)) })
	if codeOf(early) != CodeUnpaid {
		t.Fatalf("a receipt before the payment: %v", texts(early))
	}
	r.start(r.disk) // the provider restarts between window and payment
	again := c.say(w, func() wire.Event {
		if err := c.pay(w); err != nil {
			t.Fatal(err)
		}
		return c.seal(c.receipt(w))
	})
	if len(again) != 2 || !bytes.Equal(again[0].Bytes(), early[0].Bytes()) || again[1].Kind != wire.KindCountersign {
		t.Fatalf("after the restart: %v", texts(again))
	}
	r.start(r.disk)
	third := c.say(w, func() wire.Event { return c.seal(c.receipt(w)) })
	if len(third) != 2 || !bytes.Equal(third[1].Bytes(), again[1].Bytes()) {
		t.Errorf("repeated: %v", texts(third))
	}
	c.seq, c.sum = 1, c.used

	c.ask(chat("six", ""))
	w = c.next()
	w.Last = true
	if got := c.say(w, nil); codeOf(got) != "Progress" {
		t.Fatal(texts(got))
	}
	if resp, text := c.ask(chat("seven", "")); resp.StatusCode != http.StatusPaymentRequired || !strings.Contains(text, CodeLeaseEnded) {
		t.Errorf("after the last window: %d %s", resp.StatusCode, text)
	}
	list, err := r.book.ByJob(c.job)
	if err != nil || len(list) != 1 || list[0].Receipt.Amount != 15 || list[0].Receipt.InTokens != 5 {
		t.Errorf("the ledger has %+v, %v", list, err)
	}
}

func TestLeaseRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 1, 1))
	c := r.client()
	quote, accepted, err := c.lease(1000, 500)
	if err != nil {
		t.Fatal(err)
	}
	leased, ok := r.s.Terms(c.key.PubKey(), c.job)
	if !ok {
		t.Fatal("no lease")
	}
	r.start(r.disk)
	same, err := r.s.Agree(c.key.PubKey(), c.seal(leased))
	if err != nil || !bytes.Equal(same.Bytes(), accepted.Bytes()) {
		t.Errorf("repeated: %v", err)
	}
	for name, change := range map[string]func(*wire.Lease){
		"budget": func(l *wire.Lease) { l.Budget++ },
		"price":  func(l *wire.Lease) { l.In-- },
		"model":  func(l *wire.Lease) { l.Model = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354" },
	} {
		terms := leased
		change(&terms)
		if _, err := r.s.Agree(c.key.PubKey(), c.seal(terms)); CodeOf(err) != CodeMismatch {
			t.Errorf("another %s: %v", name, err)
		}
	}
	other := r.client()
	stolen := leased
	stolen.Job = wire.ID{1}
	stolen.Quote = quote.ID
	if _, err := r.s.Agree(other.key.PubKey(), other.seal(stolen)); CodeOf(err) != CodeNoQuote {
		t.Errorf("a quote to somebody else: %v", err)
	}
}

func TestWindowRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	r.cfg.Grace = 0
	r.start(r.disk)
	c := r.client()
	mustLease(t, c, 1000, 500)
	c.ask(chat("one two three four", ""))
	good := c.next()
	for name, tt := range map[string]struct {
		change func(*wire.Window)
		code   string
	}{
		"a gap":            {func(w *wire.Window) { w.Seq = 1 }, CodeMismatch},
		"too low totals":   {func(w *wire.Window) { *w = c.windowOf(totals{1, 4, 3}) }, CodeDisputed},
		"a lower amount":   {func(w *wire.Window) { w.Amount-- }, CodeMismatch},
		"a higher amount":  {func(w *wire.Window) { w.Amount++ }, CodeMismatch},
		"another unit":     {func(w *wire.Window) { w.Unit = "msat" }, CodeMismatch},
		"another job":      {func(w *wire.Window) { w.Job = wire.ID{9} }, CodeUnknown},
		"over the budget":  {func(w *wire.Window) { *w = c.windowOf(totals{1, 4, 4000}) }, CodeMismatch},
		"nothing":          {func(w *wire.Window) { *w = c.windowOf(totals{}) }, CodeRefused},
		"more than a wire": {func(w *wire.Window) { w.Seq = MaxWindows }, CodeMismatch},
	} {
		w := good
		tt.change(&w)
		if got := c.say(w, nil); codeOf(got) != tt.code {
			t.Errorf("%s: %v, want %s", name, texts(got), tt.code)
		}
	}
	got := c.say(c.windowOf(totals{1, 1, 1}), nil)
	m, err := wire.Decode[wire.Error](got[0])
	if u, ok := ParseUsage(m.Text); err != nil || !ok || u.TotalIn != 4 || u.TotalOut != 4 || u.Requests != 1 {
		t.Errorf("the dispute tells %q", m.Text)
	}
	if got := c.say(good, nil); codeOf(got) != "Progress" {
		t.Fatal(texts(got))
	}
	changed := c.windowOf(totals{1, 5, 4})
	if got := c.say(changed, nil); codeOf(got) != CodeMismatch {
		t.Errorf("a window with other numbers: %v", texts(got))
	}
	c.seq, c.sum = 1, c.used
	c.used.Out++
	if got := c.say(c.next(), nil); codeOf(got) != CodeUnpaid {
		t.Errorf("a window on an unpaid one: %v", texts(got))
	}
}

// TestWindowGrace lets a window leave out what was finished a moment ago, but
// not for long and not at the end.
func TestWindowGrace(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	c.ask(chat("one two", ""))
	known := c.used
	r.pass(time.Minute - time.Second)
	c.ask(chat("three", ""))
	last := c.windowOf(known)
	last.Last = true
	if got := c.say(last, nil); codeOf(got) != CodeDisputed {
		t.Errorf("a last window that lacks a request: %v", texts(got))
	}
	if got := c.say(c.windowOf(totals{1, 1, 1}), nil); codeOf(got) != CodeDisputed {
		t.Errorf("an older request is missing: %v", texts(got))
	}
	r.pass(r.cfg.Grace + time.Second)
	if got := c.say(c.windowOf(known), nil); codeOf(got) != CodeDisputed {
		t.Errorf("after the grace: %v", texts(got))
	}
	c.ask(chat("four", ""))
	used := c.used
	used.In, used.Out = used.In-1, used.Out-1
	if got := c.say(c.windowOf(used), nil); codeOf(got) != "Progress" {
		t.Errorf("within the grace: %v", texts(got))
	}
}

func TestReceiptRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	c.ask(chat("one two three four", ""))
	w := c.next()
	if err := c.pay(w); err == nil {
		t.Error("a payment before the window was taken")
	}
	if got := c.say(w, nil); codeOf(got) != "Progress" {
		t.Fatal(texts(got))
	}
	if err := c.pay(w); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*wire.Receipt){
		"amount":   func(x *wire.Receipt) { x.Amount++ },
		"units":    func(x *wire.Receipt) { x.Units++ },
		"tokens":   func(x *wire.Receipt) { x.InTokens++ },
		"payer":    func(x *wire.Receipt) { x.Payer = r.key.PubKey() },
		"provider": func(x *wire.Receipt) { x.Provider = c.key.PubKey() },
		"window":   func(x *wire.Receipt) { x.Shard++ },
		"label":    func(x *wire.Receipt) { x.Label = wire.LabelAudited },
		"image":    func(x *wire.Receipt) { x.Image = strings.Replace(testDigest, "e3", "00", 1) },
		"ref":      func(x *wire.Receipt) { x.PayRef = "other" },
	} {
		x := c.receipt(w)
		change(&x)
		if got := c.say(w, func() wire.Event { return c.seal(x) }); codeOf(got) != CodeMismatch {
			t.Errorf("another %s: %v", name, texts(got))
		}
	}
	bad := c.receipt(w)
	bad.Verdict, bad.Amount = wire.VerdictBad, 0
	if got := c.say(w, func() wire.Event { return c.seal(bad) }); codeOf(got) != CodeDisputed {
		t.Errorf("a verdict against the provider: %v", texts(got))
	}
	if got := c.say(w, func() wire.Event { return c.seal(c.receipt(w)) }); codeOf(got) != "Countersign" {
		t.Errorf("the right one: %v", texts(got))
	}
}

// TestExpectConflict takes a window again whose expectation outlived a crash
// that its acceptance did not.
func TestExpectConflict(t *testing.T) {
	t.Parallel()
	r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
	c := r.client()
	mustLease(t, c, 1000, 500)
	c.ask(chat("one two three four", ""))
	w := c.next()
	left := payments.Payment{Ref: payments.NewRef(c.job.String(), 0, 0), Peer: c.key.PubKey(), Amount: payments.Amount{Value: w.Amount + 7, Unit: payments.Credits}}
	if err := r.rail.Expect(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if err := r.rail.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
