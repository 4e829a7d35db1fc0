package main

import (
	"context"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
)

// scriptedNode answers the local API as scripts need it. A job named "cheated"
// is told to have caught somebody, one named "nobody" finds no provider, one
// named "slow" runs until it is cancelled.
type scriptedNode struct {
	stop context.CancelFunc
	name string // of the job submitted last
	end  chan struct{}
}

const (
	evilText = "\x1b[2Jpwned\u202e"
	someNpub = "npub1krc9nwmjzj3fx9rk6se644vkvxqdzdet39m8afdmzhe262dhxv2s3h3lq2"
)

func (n *scriptedNode) Status(context.Context) (api.Status, error) {
	return api.Status{NPub: someNpub, Network: "devnet-test", Roles: []string{"client"}, Ready: true, Peers: 1,
		Subsystems: []api.Subsystem{{Name: "p2p", State: api.StateReady, Since: time.Now(), LastError: evilText}}}, nil
}

func (n *scriptedNode) Peers(context.Context) ([]api.Peer, error) {
	return []api.Peer{{NPub: someNpub, Addrs: []string{"/ip4/127.0.0.1/tcp/1"}, Direction: "out", Agent: evilText}}, nil
}

func (n *scriptedNode) Stop(context.Context) error { n.stop(); return nil }

func (n *scriptedNode) Submit(_ context.Context, req api.SubmitRequest) (api.Job, error) {
	n.name, n.end = "plain", make(chan struct{})
	for _, name := range []string{"cheated", "nobody", "slow", "prompt"} {
		if strings.Contains(req.Spec, name) {
			n.name = name
		}
	}
	return n.job("submitted"), nil
}

func (n *scriptedNode) job(state string) api.Job {
	return api.Job{ID: "0123456789abcdef", Name: n.name, Kind: "batch", State: state, Cost: api.Amount{Amount: 7, Unit: "credits"},
		Shards: api.ShardCounts{Total: 2}, Providers: []api.ProviderShare{}, TimingsMS: map[string]int64{}}
}

func (n *scriptedNode) List(context.Context) ([]api.Job, error) { return nil, nil }

func (n *scriptedNode) Get(_ context.Context, id string) (api.Job, error) {
	if n.name == "" {
		return api.Job{}, api.Errorf(api.CodeNotFound, "infernet job list", "no job %q", id)
	}
	return n.final(), nil
}

func (n *scriptedNode) Cancel(context.Context, string, string) (api.Job, error) {
	close(n.end)
	return n.job("cancelled"), nil
}

func (n *scriptedNode) Explain(context.Context, string) (api.Explanation, error) {
	return api.Explanation{ID: "0123456789abcdef", State: "matching", Summary: "nobody matches",
		Dropped: []api.Candidate{{NPub: someNpub, Reason: evilText, Fix: "ask for less memory"}},
		Verify:  &api.Verify{Mode: "sample", Rate: 0.05, Compare: "exact"},
		Checked: []api.Attempt{
			{Shard: 0, Attempt: 777, Provider: someNpub, State: "paid", Rate: 0.05, Drawn: true, Verdict: "ok", Class: evilText},
			{Shard: 1, Attempt: 778, Provider: someNpub, State: "bad", Rate: 0.05, Drawn: true, Audited: true, Audits: 1, Verdict: "bad", Blame: "provider", Reason: "revealed another result"},
		}}, nil
}

// final is the job at its end, as its name decides.
func (n *scriptedNode) final() api.Job {
	j := n.job(api.JobDone)
	j.Shards.OK = 2
	switch n.name {
	case "nobody":
		j = n.job(api.JobFailed)
		j.Code, j.Reason = api.CodeNoProvider, "no provider matches"
	case "slow":
		j = n.job(api.JobCancelled)
	case "cheated":
		j.Shards.Mismatched = 1
		j.Cheaters = []api.Cheater{{NPub: someNpub, Evidence: []string{"revealed another result"}}}
	}
	return j
}

func (n *scriptedNode) Events(ctx context.Context, _ string, q api.EventQuery, fn func(api.Event) error) error {
	zero := 0
	evs := []api.Event{
		{Seq: 1, Type: api.EventState, State: "matching"},
		{Seq: 2, Type: api.EventProgress, Shards: &api.ShardCounts{Total: 2, OK: 1}},
	}
	if q.Logs {
		evs = append(evs, api.Event{Type: api.EventLog, Shard: &zero, Attempt: &zero, Stream: "stdout", Data: []byte("one\ntw")},
			api.Event{Type: api.EventLog, Shard: &zero, Attempt: &zero, Stream: "stdout", Data: []byte("o\n")})
	}
	for _, ev := range evs {
		if err := fn(ev); err != nil {
			return err
		}
	}
	if n.name == "slow" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.end:
		}
	}
	j := n.final()
	return fn(api.Event{Seq: 3, Type: api.EventEnd, Job: &j})
}

func (n *scriptedNode) Export(_ context.Context, _, dest string) (api.JobResult, error) {
	return api.JobResult{CID: "bafkexample", Path: dest}, nil
}

func (n *scriptedNode) Receipts(context.Context, string) ([]api.Receipt, error) { return nil, nil }

func (n *scriptedNode) Providers(_ context.Context, q api.ProviderQuery) (api.ProviderList, error) {
	if q.MinReputation > 0.5 {
		return api.ProviderList{Dropped: []api.Candidate{{NPub: someNpub, Reason: "reputation: has 0.500, needs 0.600"}}}, nil
	}
	return api.ProviderList{
		Providers: []api.Provider{{NPub: someNpub, Class: evilText, Cores: 4, Memory: 8 << 30, Slots: 2}},
		Dropped:   []api.Candidate{{NPub: someNpub, Reason: "memory: has 1 GiB, needs 2 GiB"}},
	}, nil
}

func (n *scriptedNode) Reputation(_ context.Context, npub string) (api.Reputation, error) {
	return api.Reputation{NPub: npub, Score: 0.5, Receipts: 3, Good: 3}, nil
}
