package serving_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"infernet.tech/infernet/node/serving/servingtest"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// sayAll says documents on one stream, one after the other, each made once the
// answer to the one before is there.
func (c *client) sayAll(docs ...func() wire.Event) (answers []wire.Event) {
	c.r.t.Helper()
	mine, theirs := net.Pipe()
	s, first := c.r.s, docs[0]()
	c.r.conns.Go(func() {
		st := &pipeStream{bufio.NewReader(theirs), theirs}
		_ = s.ServeWindowOn(context.Background(), st, c.key.PubKey(), first)
		_ = theirs.Close()
	})
	defer func() { _ = mine.Close() }()
	in := bufio.NewReader(mine)
	for i := range docs {
		if i > 0 {
			if err := wire.WriteEvent(mine, docs[i]()); err != nil {
				return answers
			}
		}
		a, err := wire.ReadEvent(in)
		if err != nil {
			return answers
		}
		answers = append(answers, a)
	}
	return answers
}

// TestDisclosure has the lottery of a lease shown by honest clients and by such
// as break their word.
func TestDisclosure(t *testing.T) {
	t.Parallel()
	accepted := wire.KindProgress.String()
	flip := func(d *wire.Disclosure) { d.Rows[1].Audited = !d.Rows[1].Audited }
	for name, tc := range map[string]struct {
		change  func(*wire.Disclosure)
		early   bool // before the lease has ended
		restart bool
		want    string // code of the answer to the disclosure
		fault   string
	}{
		"as promised":     {want: accepted},
		"another secret":  {change: func(d *wire.Disclosure) { d.Secret[0]++ }, want: "mismatch", fault: "false_secret"},
		"another draw":    {change: flip, want: "mismatch", fault: "broken_promise"},
		"a lower rate":    {change: func(d *wire.Disclosure) { d.Rows[0].RatePPM, d.Rows[0].Audited = 0, false }, want: "mismatch", fault: "broken_promise"},
		"a lower promise": {change: func(d *wire.Disclosure) { d.AuditMin = 1 }, want: "mismatch", fault: "broken_promise"},
		"another lease":   {change: func(d *wire.Disclosure) { d.Job[0]++ }, want: "unknown"},
		"too early":       {early: true, want: "mismatch"},
		// What the provider has forgotten it cannot hold against the client.
		"another draw, after a restart": {change: flip, restart: true, want: accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, newPool(t, &servingtest.Engine{}, 4, 4))
			c := r.client()
			c.sec = wire.RandomID()
			mustLease(t, c, 1000, 500)
			var rows []wire.Drawn
			for i := range 4 {
				c.num = strconv.Itoa(i)
				body := chat(strings.Repeat("word ", i+1), []string{"", `,"stream":true`}[i%2])
				_, text := c.ask(body)
				draw := wire.AuditDraw(c.sec, c.job, uint32(i), 0, wire.AnswerHash(sha256.Sum256([]byte(body)), sha256.Sum256([]byte(text))))
				rows = append(rows, wire.Drawn{Shard: uint32(i), RatePPM: 500_000, Audited: wire.Audited(draw, 500_000)})
			}
			if err := r.s.Flush(); err != nil {
				t.Fatal(err)
			}
			if tc.restart {
				r.start(r.disk)
			}
			w := c.next()
			w.Last = !tc.early
			d := wire.Disclosures(c.job, r.key.PubKey(), c.sec, 100_000, slices.Clone(rows))[0]
			if tc.change != nil {
				tc.change(&d)
			}
			got := c.sayAll(func() wire.Event { return c.seal(w) }, func() wire.Event {
				if err := c.pay(w); err != nil {
					t.Fatal(err)
				}
				return c.seal(c.receipt(w))
			}, func() wire.Event { return c.seal(d) })
			if len(got) != 3 || codeOf(got) != tc.want {
				t.Errorf("answered %v, want %s", texts(got), tc.want)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if want := []string{tc.fault}; tc.fault != "" && !slices.Equal(r.fault, want) || tc.fault == "" && len(r.fault) > 0 {
				t.Errorf("told of %v, want %q", r.fault, tc.fault)
			}
			kept := 0
			_ = r.disk.View(func(tx store.Reader) error {
				return tx.Scan([]byte("infer/shown/"), func(_, _ []byte) error { kept++; return nil })
			})
			if (kept == 1) != (tc.want == accepted) {
				t.Errorf("%d disclosures are kept", kept)
			}
		})
	}
}
