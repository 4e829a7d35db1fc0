package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// AddProfileRequest hands a signed profile to the node.
type AddProfileRequest struct {
	Event []byte `json:"event"` // base64 in JSON: the CID is that of these very bytes
}

func (s *Server) trustRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/jobs/estimate", answerTo(func(r *http.Request, req SubmitRequest) (Estimate, error) {
		return trusting(s, func(t Trust) (Estimate, error) { return t.Estimate(r.Context(), req) })
	}))
	mux.HandleFunc("GET /api/jobs/{id}/bundles", answer(func(r *http.Request) ([]Receipt, error) {
		return trusting(s, func(t Trust) ([]Receipt, error) { return t.Bundles(r.Context(), r.PathValue("id")) })
	}))
	mux.HandleFunc("GET /api/jobs/{id}/evidence/{shard}", answer(func(r *http.Request) (Evidence, error) {
		shard, err := strconv.ParseUint(r.PathValue("shard"), 10, 31)
		if err != nil {
			return Evidence{}, Errorf(CodeBadRequest, "", "shard: %q is no number", cut(r.PathValue("shard")))
		}
		return trusting(s, func(t Trust) (Evidence, error) { return t.Evidence(r.Context(), r.PathValue("id"), int(shard)) })
	}))
	mux.HandleFunc("GET /api/reputation", answer(func(r *http.Request) ([]Reputation, error) {
		return trusting(s, func(t Trust) ([]Reputation, error) { return t.Reputations(r.Context()) })
	}))
	mux.HandleFunc("GET /api/reputation/{npub}/explain", answer(func(r *http.Request) (ReputationExplanation, error) {
		return trusting(s, func(t Trust) (ReputationExplanation, error) {
			return t.ExplainReputation(r.Context(), r.PathValue("npub"))
		})
	}))
	mux.HandleFunc("GET /api/frauds", answer(func(r *http.Request) ([]Fraud, error) {
		return trusting(s, func(t Trust) ([]Fraud, error) { return t.Frauds(r.Context()) })
	}))
	mux.HandleFunc("GET /api/profiles", answer(func(r *http.Request) ([]Profile, error) {
		return trusting(s, func(t Trust) ([]Profile, error) { return t.Profiles(r.Context()) })
	}))
	mux.HandleFunc("POST /api/profiles", answerTo(func(r *http.Request, req AddProfileRequest) (Profile, error) {
		return trusting(s, func(t Trust) (Profile, error) { return t.AddProfile(r.Context(), req.Event) })
	}))
	mux.HandleFunc("GET /api/profiles/{ref}", answer(func(r *http.Request) (Profile, error) {
		return trusting(s, func(t Trust) (Profile, error) { return t.Profile(r.Context(), r.PathValue("ref")) })
	}))
}

// trusting asks the backend, where there is one.
func trusting[T any](s *Server, ask func(Trust) (T, error)) (T, error) {
	if s.b.Trust == nil {
		var none T
		return none, Errorf(CodeNotReady, "", "this node keeps no record of others")
	}
	return ask(s.b.Trust)
}

// Estimate tells what a job would cost; nothing is spent.
func (c *Client) Estimate(ctx context.Context, req SubmitRequest) (out Estimate, err error) {
	return out, c.post(ctx, "/api/jobs/estimate", req, &out)
}

// Bundles returns the receipts of a job with all that is needed to check them.
func (c *Client) Bundles(ctx context.Context, id string) (out []Receipt, err error) {
	return out, c.get(ctx, jobPath(id, "/bundles"), &out)
}

// Evidence returns what was kept of a dispute about a shard.
func (c *Client) Evidence(ctx context.Context, id string, shard int) (out Evidence, err error) {
	return out, c.get(ctx, jobPath(id, "/evidence/")+strconv.Itoa(shard), &out)
}

// Reputations lists all of whom the node has an opinion, the best first.
func (c *Client) Reputations(ctx context.Context) (out []Reputation, err error) {
	return out, c.get(ctx, "/api/reputation", &out)
}

// ExplainReputation recomputes a score from all that goes into it.
func (c *Client) ExplainReputation(ctx context.Context, npub string) (out ReputationExplanation, err error) {
	return out, c.get(ctx, "/api/reputation/"+url.PathEscape(npub)+"/explain", &out)
}

// Frauds lists the proofs of fraud that the node knows, newest first.
func (c *Client) Frauds(ctx context.Context) (out []Fraud, err error) {
	return out, c.get(ctx, "/api/frauds", &out)
}

// Profiles lists the verifier profiles that the node keeps.
func (c *Client) Profiles(ctx context.Context) (out []Profile, err error) {
	return out, c.get(ctx, "/api/profiles", &out)
}

// Profile returns one verifier profile by its CID.
func (c *Client) Profile(ctx context.Context, ref string) (out Profile, err error) {
	return out, c.get(ctx, "/api/profiles/"+url.PathEscape(ref), &out)
}

// AddProfile hands a signed profile to the node, which keeps it.
func (c *Client) AddProfile(ctx context.Context, event []byte) (out Profile, err error) {
	return out, c.post(ctx, "/api/profiles", AddProfileRequest{Event: event}, &out)
}
