package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// trustBackend tells how work is checked and what is known of others.
type trustBackend struct{ n *Node }

var _ api.Trust = trustBackend{}

// Estimate asks for quotes as the job would.
func (b trustBackend) Estimate(ctx context.Context, req api.SubmitRequest) (api.Estimate, error) {
	spec, err := job.ParseSpec([]byte(req.Spec), "job.yaml")
	if err != nil {
		return api.Estimate{}, specError(err)
	}
	if err := b.n.fitting(ctx, spec, req.Dir); err != nil {
		return api.Estimate{}, submitError(err)
	}
	e, err := b.n.agg.Estimate(ctx, aggregator.Request{Spec: spec, Dir: req.Dir})
	if err != nil {
		return api.Estimate{}, submitError(err)
	}
	out := showEstimate(spec, e)
	if err := b.n.payable(ctx, spec.Payment); err != nil {
		out.Notes = append(out.Notes, "this node could not pay for it now: "+err.Error())
	}
	return out, nil
}

func showEstimate(spec job.Spec, e aggregator.Estimate) api.Estimate {
	out := api.Estimate{
		Name: spec.Name, Shards: e.Shards, Candidates: e.Candidates, Max: spec.Payment.Max.Value,
		Verify: verifying(e.Verify),
		Cost: api.CostRange{
			Low: e.Cost.Low.Value, Expected: e.Cost.Expected.Value, High: e.Cost.High.Value, Unit: string(e.Cost.Expected.Unit),
		},
		TimeMS:   api.TimeRange{Expected: e.Time.Expected.Milliseconds(), High: e.Time.High.Milliseconds()},
		Overhead: e.Overhead, Notes: append([]string{}, e.Notes...), Dropped: leftOut(e.Dropped),
		Reason: e.Reason.Text, Hint: e.Reason.Hint,
		Slip: api.Slip{Shard: e.Slip.Shard, Any: e.Slip.Job, Cheaters: e.Slip.Cheaters, Cheats: e.Slip.Cheat},
	}
	if wrong := e.Slip.Cheaters * e.Slip.Cheat; wrong > 0 {
		out.Slip.Wrong = e.Slip.Shard / wrong
	}
	return out
}

// leftOut tells of those who did not match, and what would have helped.
func leftOut(list []job.Dropped) []api.Candidate {
	out := []api.Candidate{}
	for _, d := range list {
		reason := d.Predicate
		if d.Have != "" {
			reason += ": has " + d.Have
		}
		if d.Want != "" {
			reason += ", needs " + d.Want
		}
		out = append(out, api.Candidate{NPub: d.Provider.String(), Reason: reason, Fix: d.Hint})
	}
	return out
}

// Evidence returns what was kept of a dispute.
func (b trustBackend) Evidence(_ context.Context, id string, shard int) (api.Evidence, error) {
	j, err := jobsBackend(b).find(id)
	if err != nil {
		return api.Evidence{}, err
	}
	if shard < 0 || shard >= len(j.Shards) {
		return api.Evidence{}, api.Errorf(api.CodeNotFound, "", "job %s has %d shards, counted from 0", j.ID.Short(), len(j.Shards))
	}
	cid, raw, err := b.n.agg.Evidence(j.ID, uint32(shard))
	if errors.Is(err, aggregator.ErrNoEvidence) {
		return api.Evidence{}, api.Errorf(api.CodeNotFound, "infernet job explain tells what happened", "shard %d of job %s was not disputed", shard, j.ID.Short())
	}
	if err != nil {
		return api.Evidence{}, err
	}
	return showEvidence(cid, raw)
}

func showEvidence(cid string, raw []byte) (api.Evidence, error) {
	var d aggregator.Dispute
	if err := json.Unmarshal(raw, &d); err != nil {
		return api.Evidence{}, fmt.Errorf("evidence %s: %w", cid, err)
	}
	out := api.Evidence{
		CID: cid, Size: uint64(len(raw)), Job: d.Job.String(), Shard: int(d.Shard), Bundle: api.Raw(raw),
		Accused: []string{}, Results: []string{},
	}
	for _, a := range d.Attempts {
		if a.Root != "" {
			out.Results = append(out.Results, a.Root)
		}
		if a.Blame == job.BlameProvider {
			out.Accused = append(out.Accused, a.Provider)
		}
	}
	out.Summary = fmt.Sprintf("%d results were compared by %s; ", len(out.Results), d.Comparator)
	switch {
	case d.Result == "":
		out.Summary += "nothing was decided"
	case len(out.Accused) == 0:
		out.Summary += "one stands, and nobody is blamed"
	default:
		out.Summary += fmt.Sprintf("one is what stands, and %d of those who computed are blamed", len(out.Accused))
	}
	return out, nil
}

// Frauds lists the proofs that are known, newest first.
func (b trustBackend) Frauds(context.Context) ([]api.Fraud, error) {
	o := b.n.trust.Opinions()
	out := []api.Fraud{}
	for _, f := range o.Frauds(identity.PubKey{}) {
		x := api.Fraud{
			ID: f.ID.String(), Subject: f.Subject.String(), Fault: f.Fault, Author: f.Author.String(), At: f.When, Docs: []api.Raw{},
		}
		if ev, ok := o.Get(f.ID); ok {
			if p, err := wire.Decode[wire.FraudProof](ev); err == nil {
				for _, doc := range p.Docs {
					x.Docs = append(x.Docs, api.Raw(doc.Bytes()))
				}
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// Profiles lists those that were added here.
func (b trustBackend) Profiles(ctx context.Context) ([]api.Profile, error) {
	all, err := b.n.profiles.list(ctx)
	if err != nil {
		return nil, err
	}
	out := []api.Profile{}
	for _, s := range all {
		out = append(out, showProfile(s))
	}
	return out, nil
}

// Profile returns one, from others where it is not here.
func (b trustBackend) Profile(ctx context.Context, ref string) (api.Profile, error) {
	s, err := b.n.profiles.get(ctx, ref)
	switch {
	case errors.Is(err, compare.ErrProfile):
		return api.Profile{}, api.Errorf(api.CodeBadRequest, "infernet verifier calibrate makes one", "%v", err)
	case err != nil:
		return api.Profile{}, contentError(err)
	}
	return showProfile(s), nil
}

// AddProfile keeps one and shares it.
func (b trustBackend) AddProfile(ctx context.Context, event []byte) (api.Profile, error) {
	s, err := b.n.profiles.add(ctx, event)
	if errors.Is(err, compare.ErrProfile) {
		return api.Profile{}, api.Errorf(api.CodeBadRequest, "infernet verifier calibrate makes one", "%v", err)
	}
	return showProfile(s), err
}

func showProfile(s compare.Signed) api.Profile {
	return api.Profile{
		CID: s.CID, Author: s.Author().String(), At: time.Unix(s.Event.CreatedAt, 0).UTC(),
		Model: s.Model, Image: s.Image, Class: s.Class, Comparator: s.Comparator, Samples: int(s.N),
		FalseRate: float64(s.FPRppm) / audit.All, Thresholds: maps.Clone(s.Thresholds), Event: api.Raw(s.Bytes()),
	}
}
