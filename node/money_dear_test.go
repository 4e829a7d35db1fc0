package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
)

// A job that may cost less than the cheapest provider asks for one shard of it
// says so at once, and to what its ceiling is to be raised; an estimate says the
// same. With that ceiling it is done.
func TestTooDear(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	for i, price := range []uint64{7, 5} {
		c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider, func(m *nodetest.Member) { m.Config.Provider.Price = price })
	}
	client := c.Add("client", node.RoleClient)
	dir, name := nodetest.Lines(t, 20)
	text := strings.ReplaceAll(fmt.Sprintf(spec, "upper", nodetest.Image(t), name), "max: 1000", "max: 40")
	nodetest.Predicate(t, 20*time.Second, "both are known", func() bool {
		list, err := client.API().Providers(t.Context(), api.ProviderQuery{})
		return err == nil && len(list.Providers) == 2
	})
	const why, hint = "the cheapest of 2 quotes is 50 credits a shard, and payment.max allows 40 credits", "raise payment.max to at least 200"
	// Who is asked for a quote has a second or two; who has none then is not
	// counted.
	const one = "the only quote is "
	both(t, func() bool {
		began := time.Now()
		j := client.Run(text, dir)
		if strings.Contains(j.Reason, one) {
			return false
		}
		if j.State != "failed" || !strings.Contains(j.Reason, why) || !strings.Contains(j.Hint, hint) || j.Cost.Amount != 0 {
			t.Errorf("job is %s: %s; %s", j.State, j.Reason, j.Hint)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s of the ten minutes that the job has", took)
		}
		return true
	})
	both(t, func() bool {
		e, err := client.API().Estimate(t.Context(), api.SubmitRequest{Spec: text, Dir: dir})
		if err == nil && strings.Contains(e.Reason, one) {
			return false
		}
		if err != nil || e.Candidates != 0 || !strings.Contains(e.Reason, why) || !strings.Contains(e.Hint, hint) {
			t.Errorf("%+v, %v", e, err)
		}
		return true
	})
	enough := strings.ReplaceAll(text, "max: 40", "max: 1000")
	if j := client.Run(enough, dir); j.State != "done" {
		t.Errorf("job is %s: %s; %s", j.State, j.Reason, j.Hint)
	}
}

// both tries until both providers have quoted.
func both(t *testing.T, fn func() bool) {
	t.Helper()
	nodetest.Predicate(t, 20*time.Second, "both have quoted", fn)
}

// A rail that has no wallet is told of before anything is sent, and so it is by
// an estimate, which needs none.
func TestNoWallet(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	c.Add("provider", node.RoleProvider)
	client := c.Add("client", node.RoleClient)
	dir, name := nodetest.Lines(t, 10)
	text := strings.ReplaceAll(fmt.Sprintf(spec, "upper", nodetest.Image(t), name), "{rail: credit, max: 1000}", "{max: 1 USDC}")
	const why = "the job is paid in USDC, and no polygon wallet is connected here"
	if _, err := client.API().Submit(t.Context(), api.SubmitRequest{Spec: text, Dir: dir}); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("submit: %v", err)
	}
	if list, err := client.API().Jobs(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("a job came of it: %+v, %v", list, err)
	}
	e, err := client.API().Estimate(t.Context(), api.SubmitRequest{Spec: text, Dir: dir})
	if err != nil || !strings.Contains(strings.Join(e.Notes, "\n"), why) {
		t.Errorf("estimate: %+v, %v", e, err)
	}
}
