package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
)

const otherNpub = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"

// Estimate finds nobody for a job named "nobody", and nobody but liars for one
// named "cheated".
func (n *scriptedNode) Estimate(_ context.Context, req api.SubmitRequest) (api.Estimate, error) {
	if strings.Contains(req.Spec, "nobody") {
		return api.Estimate{}, api.Errorf(api.CodeNoProvider, "ask for less memory", "no provider matches: memory")
	}
	return api.Estimate{
		Name: "plain", Verify: api.Verify{Mode: "adaptive", Rate: 0.05, Compare: "exact", Validators: []string{someNpub}},
		Shards: 4, Candidates: 3, Cost: api.CostRange{Low: 40, Expected: 46, High: 120, Unit: "credits"}, Max: 100,
		TimeMS: api.TimeRange{Expected: 2500, High: 90_000}, Overhead: 0.15,
		Slip:    api.Slip{Shard: 0.03, Any: 0.11, Wrong: 0.3, Cheaters: 0.1, Cheats: 1},
		Dropped: []api.Candidate{{NPub: someNpub, Reason: evilText, Fix: "pay more"}}, Notes: []string{"all three are strangers"},
	}, nil
}

func (n *scriptedNode) Bundles(_ context.Context, id string) ([]api.Receipt, error) {
	if n.name == "" {
		return nil, api.Errorf(api.CodeNotFound, "infernet job list shows all", "no job %q", id)
	}
	return []api.Receipt{{
		ID: strings.Repeat("ab", 32), Job: "0123456789abcdef", Shard: 3, Attempt: 41234, Provider: someNpub, Payer: otherNpub,
		Amount: api.Amount{Amount: 10, Unit: "credits"}, Verdict: "ok", Label: "audited", Signed: "both", Doc: json.RawMessage(`{"doc":{},"countersignature":{}}`),
		Class: "cpu.x86", Audits: 1, Rate: 0.05, Seq: 9,
	}}, nil
}

func (n *scriptedNode) Evidence(_ context.Context, _ string, shard int) (api.Evidence, error) {
	if shard != 3 {
		return api.Evidence{}, api.Errorf(api.CodeNotFound, "infernet job explain tells what happened", "shard %d was not disputed", shard)
	}
	return api.Evidence{CID: "here", Size: 2048, Job: "0123456789abcdef", Shard: 3, Accused: []string{someNpub},
		Summary: "two of three agree " + evilText, Results: []string{"bafkone", "bafktwo"}, Bundle: json.RawMessage(`{"v":1}`)}, nil
}

func (n *scriptedNode) Reputations(context.Context) ([]api.Reputation, error) {
	return []api.Reputation{
		{NPub: someNpub, Score: 0.81, Direct: 0.8, Receipts: 12, Good: 12, Known: true},
		{NPub: otherNpub, Receipts: 2, Bad: 1, Fraud: true, Known: true},
	}, nil
}

func (n *scriptedNode) ExplainReputation(_ context.Context, npub string) (api.ReputationExplanation, error) {
	if npub != someNpub {
		return api.ReputationExplanation{Reputation: api.Reputation{NPub: npub}, Items: []api.ReputationItem{}}, nil
	}
	return api.ReputationExplanation{
		Reputation: api.Reputation{NPub: npub, Score: 0.6, Receipts: 1, Good: 1, Known: true, Direct: 0.4, Indirect: 0.3, Suspect: true, Owes: 2},
		Mean:       0.7, GoodSum: 1.3, BadSum: 0.2, Flow: 1,
		Items: []api.ReputationItem{{
			Receipt: strings.Repeat("cd", 32), At: time.Unix(1_800_000_000, 0), Verdict: "bad", Blame: "provider", Label: "audited",
			Amount: api.Amount{Amount: 10, Unit: "credits"}, Weight: 1, Decay: 0.5, Bad: 0.2,
		}},
		Vouches: []api.Vouch{{NPub: otherNpub, Flow: 1, Good: 7, Day: "2027-01-15"}},
		Notes:   []string{"a gap: receipt 4 of it was never seen " + evilText},
	}, nil
}

func (n *scriptedNode) Frauds(context.Context) ([]api.Fraud, error) {
	return []api.Fraud{{
		ID: strings.Repeat("ef", 32), Subject: otherNpub, Fault: "two_commits", Author: someNpub, At: time.Unix(1_800_000_000, 0),
		Docs: []api.Raw{api.Raw(`{}`), api.Raw(`{}`)},
	}}, nil
}

func (n *scriptedNode) Profiles(context.Context) ([]api.Profile, error) {
	return []api.Profile{scriptedProfile}, nil
}

var scriptedProfile = api.Profile{
	CID: "bafkprofile", Author: someNpub, At: time.Unix(1_800_000_000, 0), Model: "bafkmodel", Image: "sha256:" + strings.Repeat("ab", 32),
	Class: evilText, Comparator: "numeric", Samples: 4000, FalseRate: 0.001, Thresholds: map[string]string{"rtol": "0.001", "atol": "0.00001"},
	Event: api.Raw(`{}`),
}

func (n *scriptedNode) Profile(_ context.Context, ref string) (api.Profile, error) {
	if ref != scriptedProfile.CID {
		return api.Profile{}, api.Errorf(api.CodeNotFound, "infernet verifier list shows those that are here", "no profile %.80q", ref)
	}
	return scriptedProfile, nil
}

func (n *scriptedNode) AddProfile(context.Context, []byte) (api.Profile, error) {
	return scriptedProfile, nil
}

func (n *scriptedNode) Leases(context.Context) ([]api.Lease, error) {
	return []api.Lease{{ID: strings.Repeat("1a", 32), Provider: otherNpub, Model: "bafkmodel", State: "disputed", Unit: "credits",
		Reason: "two auditors found another model"}}, nil
}

func (n *scriptedNode) LeaseReceipts(context.Context, string) ([]api.Receipt, error) { return nil, nil }

func (n *scriptedNode) LeaseEvidence(_ context.Context, id string) (api.LeaseEvidence, error) {
	if id != "1a1a" {
		return api.LeaseEvidence{}, api.Errorf(api.CodeNotFound, "infernet lease list tells how leases ended", "nothing was found about the provider of the lease %.64q", id)
	}
	return api.LeaseEvidence{
		Lease: strings.Repeat("1a", 32), Provider: otherNpub, Model: "bafkmodel", At: time.Unix(1_800_000_000, 0), Answers: 3,
		Findings: []api.LeaseFinding{{By: []string{someNpub}, Answer: "mismatch", Why: "40 of 60 tokens are not its own " + evilText}},
		Proof:    api.Raw(`{"text":"\u009b2J"}`),
	}, nil
}

// Replay finds every token of an answer the likeliest one.
func (n *scriptedNode) Replay(_ context.Context, q api.ReplayQuery) (api.Replayed, error) {
	if len(q.Not) != 1 || q.Not[0] == otherNpub {
		return api.Replayed{}, api.Errorf(api.CodeNoProvider, "", "nobody else serves the model")
	}
	out := api.Replayed{By: otherNpub}
	for _, id := range q.Request.TokenIDs {
		out.Response.Tokens = append(out.Response.Tokens, openai.ReplayToken{ID: id, Logprob: -0.1, Top: openai.ReplayTop{ID: id, Logprob: -0.1}})
	}
	return out, nil
}

func (n *scriptedNode) Audits(context.Context) (api.Audits, error) {
	return api.Audits{Drawn: 30, Replayed: 25, Tokens: 4000, Passed: 22, Suspected: 1, Confirmed: 1, Inconclusive: 2, Dropped: 5, Spent: 7, Unit: "credits"}, nil
}
