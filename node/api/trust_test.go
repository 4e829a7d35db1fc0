package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// opinions answers what is about trust with what it was asked.
type opinions struct{ Trust }

func (opinions) Estimate(_ context.Context, req SubmitRequest) (Estimate, error) {
	if req.Spec == "bad" {
		return Estimate{}, &Error{Code: CodeInvalidSpec, Message: "refused", Problems: []Problem{{Line: 3, Message: "unknown key"}}}
	}
	return Estimate{Name: req.Spec, Cost: CostRange{Low: 1, Expected: 2, High: 3, Unit: "credits"}}, nil
}

func (opinions) Bundles(_ context.Context, id string) ([]Receipt, error) {
	return []Receipt{{ID: id, Doc: json.RawMessage(`{"doc":1}`)}}, nil
}

func (opinions) Evidence(_ context.Context, id string, shard int) (Evidence, error) {
	return Evidence{Job: id, Shard: shard}, nil
}

func (opinions) Reputations(context.Context) ([]Reputation, error) { return nil, nil }

func (opinions) ExplainReputation(_ context.Context, npub string) (ReputationExplanation, error) {
	return ReputationExplanation{Reputation: Reputation{NPub: npub, Score: 0.5}}, nil
}

func (opinions) Frauds(context.Context) ([]Fraud, error) { return []Fraud{{ID: "f"}}, nil }

func (opinions) Profiles(context.Context) ([]Profile, error) { return []Profile{{CID: "p"}}, nil }

func (opinions) Profile(_ context.Context, ref string) (Profile, error) {
	return Profile{CID: ref}, nil
}

func (opinions) AddProfile(_ context.Context, event []byte) (Profile, error) {
	return Profile{CID: string(event)}, nil
}

func TestTrust(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{trust: opinions{}})
	ctx := t.Context()
	if e, err := c.Estimate(ctx, SubmitRequest{Spec: "x"}); err != nil || e.Name != "x" || e.Cost.High != 3 {
		t.Errorf("%+v %v", e, err)
	}
	var e *Error
	if _, err := c.Estimate(ctx, SubmitRequest{Spec: "bad"}); !errors.As(err, &e) || len(e.Problems) != 1 {
		t.Errorf("%v", err)
	}
	if rs, err := c.Bundles(ctx, "j/1"); err != nil || rs[0].ID != "j/1" || string(rs[0].Doc) != `{"doc":1}` {
		t.Errorf("%+v %v", rs, err)
	}
	if x, err := c.Evidence(ctx, "j1", 7); err != nil || x.Shard != 7 || x.Job != "j1" {
		t.Errorf("%+v %v", x, err)
	}
	if all, err := c.Reputations(ctx); err != nil || all == nil || len(all) != 0 {
		t.Errorf("%#v %v", all, err)
	}
	if x, err := c.ExplainReputation(ctx, "npub1x"); err != nil || x.NPub != "npub1x" || x.Score != 0.5 {
		t.Errorf("%+v %v", x, err)
	}
	if all, err := c.Frauds(ctx); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if all, err := c.Profiles(ctx); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if p, err := c.Profile(ctx, "bafk/1"); err != nil || p.CID != "bafk/1" {
		t.Errorf("%+v %v", p, err)
	}
	// The bytes are those that were signed, whatever JSON would make of them.
	if p, err := c.AddProfile(ctx, []byte("<\u2028>")); err != nil || p.CID != "<\u2028>" {
		t.Errorf("%q %v", p.CID, err)
	}
	for _, path := range []string{"/api/jobs/j1/evidence/-1", "/api/jobs/j1/evidence/x", "/api/jobs/j1/evidence/4294967296"} {
		if _, e := ask(t, c, "GET", path, nil, nil); e.Code != CodeBadRequest {
			t.Errorf("%s: %+v", path, e)
		}
	}
}

// A node without such a backend says so.
func TestNoTrust(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	var e *Error
	if _, err := c.Frauds(t.Context()); !errors.As(err, &e) || e.Code != CodeNotReady {
		t.Errorf("%v", err)
	}
}

func TestMinReputation(t *testing.T) {
	t.Parallel()
	b := &backend{}
	c, _ := serve(t, b)
	if _, err := c.Providers(t.Context(), ProviderQuery{MinReputation: 0.25}); err != nil || b.query.MinReputation != 0.25 {
		t.Errorf("%+v %v", b.query, err)
	}
	for _, bad := range []string{"2", "-1", "NaN", "much"} {
		if _, e := ask(t, c, "GET", "/api/providers?min_reputation="+bad, strings.NewReader(""), nil); e.Code != CodeBadRequest {
			t.Errorf("%s: %+v", bad, e)
		}
	}
}
