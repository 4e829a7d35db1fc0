package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// jobsBackend is the aggregator as its owner uses it.
type jobsBackend struct{ n *Node }

var (
	_ api.Jobs    = jobsBackend{}
	_ api.Results = jobsBackend{}
)

func (b jobsBackend) Submit(ctx context.Context, req api.SubmitRequest) (api.Job, error) {
	spec, err := job.ParseSpec([]byte(req.Spec), "job.yaml")
	if err != nil {
		return api.Job{}, specError(err)
	}
	if req.Aggregator != "" {
		if spec.Aggregator, err = identity.ParsePubKey(req.Aggregator); err != nil {
			return api.Job{}, api.Errorf(api.CodeBadRequest, "give the npub of an aggregator", "aggregator: %v", err)
		}
	}
	if err := b.n.payable(ctx, spec.Payment); err != nil {
		return api.Job{}, err
	}
	if err := b.n.fitting(ctx, spec, req.Dir); err != nil {
		return api.Job{}, submitError(err)
	}
	j, err := b.n.agg.Submit(ctx, aggregator.Request{Spec: spec, Dir: req.Dir})
	if err != nil {
		return api.Job{}, submitError(err)
	}
	return b.show(j), nil
}

// payable refuses a job that this node has no money to pay for now, whoever does
// it.
func (n *Node) payable(ctx context.Context, p job.Payment) error {
	rail := string(p.Rail)
	k := n.wallets.of(rail)
	if k == nil {
		if !n.rails.Takes(rail, p.Max.Unit) {
			return api.Errorf(api.CodeBadRequest, "one of: "+strings.Join(railNames(), ", "), "payment.rail: %.40q is no rail", rail)
		}
		return nil
	}
	if !k.connected() {
		return api.Errorf(api.CodeRefused, "infernet wallet connect "+rail+" --help",
			"the job is paid in %s, and no %s wallet is connected here", unitName(p.Max.Unit), rail)
	}
	if !k.ready() {
		if n.look(ctx, k, lookNow) != nil {
			return k.refusal(time.Now())
		}
	}
	if _, w := k.has(); w != nil && !w.spends() {
		return api.Errorf(api.CodeRefused, "connect it again with --per-day, the most that may be spent in a day",
			"the %s wallet only receives: it has no ceiling to spend under", rail)
	}
	return nil
}

// specError turns the problems of a description into the API's form.
func specError(err error) error {
	var bad *job.SpecError
	if !errors.As(err, &bad) {
		return err
	}
	out := api.Errorf(api.CodeInvalidSpec, "infernet job validate shows the same without submitting", "the job description has %d problems", len(bad.Problems))
	for _, p := range bad.Problems {
		text := p.What
		if p.Key != "" {
			text = p.Key + ": " + text
		}
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		out.Problems = append(out.Problems, api.Problem{Line: p.Line, Message: text})
	}
	return out
}

func submitError(err error) error {
	switch {
	case errors.Is(err, compare.ErrRunner):
		return api.Errorf(api.CodeInvalidSpec, "submit it at a node with the provider or validator role, or choose another verify.compare", "%s", plainWords(err))
	case errors.Is(err, compare.ErrProfile):
		return api.Errorf(api.CodeInvalidSpec, "infernet verifier show tells what it is for", "%s", plainWords(err))
	case errors.Is(err, content.ErrNoName), errors.Is(err, os.ErrNotExist):
		return api.Errorf(api.CodeInvalidSpec, "", "%v", err)
	case errors.Is(err, aggregator.ErrShutdown):
		return api.Errorf(api.CodeNotReady, "", "%v", err)
	}
	return contentError(err)
}

func (b jobsBackend) List(context.Context) ([]api.Job, error) {
	jobs, err := b.n.agg.List()
	if err != nil {
		return nil, err
	}
	out := []api.Job{}
	for _, j := range jobs {
		out = append(out, b.show(j))
	}
	return out, nil
}

func (b jobsBackend) Get(_ context.Context, id string) (api.Job, error) {
	j, err := b.find(id)
	if err != nil {
		return api.Job{}, err
	}
	return b.show(j), nil
}

// find takes a job's id or a beginning of it that only one job has.
func (b jobsBackend) find(id string) (job.Job, error) {
	// A whole id needs no search through all jobs that ever were.
	var whole job.ID
	if len(id) == 2*len(whole) && whole.UnmarshalText([]byte(id)) == nil {
		if j, err := b.n.agg.Get(whole); err == nil {
			return j, nil
		}
	}
	jobs, err := b.n.agg.List()
	if err != nil {
		return job.Job{}, err
	}
	var hits []job.Job
	for _, j := range jobs {
		if id != "" && strings.HasPrefix(j.ID.String(), id) {
			hits = append(hits, j)
		}
	}
	switch len(hits) {
	case 0:
		return job.Job{}, api.Errorf(api.CodeNotFound, "infernet job list shows all", "no job %q", id)
	case 1:
		return hits[0], nil
	}
	return job.Job{}, api.Errorf(api.CodeNotFound, "give more of the id", "%d jobs begin with %q", len(hits), id)
}

func (b jobsBackend) Cancel(ctx context.Context, id, reason string) (api.Job, error) {
	j, err := b.find(id)
	if err != nil {
		return api.Job{}, err
	}
	if j, err = b.n.agg.Cancel(ctx, j.ID, reason); err != nil {
		return api.Job{}, err
	}
	return b.show(j), nil
}

func (b jobsBackend) Explain(_ context.Context, id string) (api.Explanation, error) {
	j, err := b.find(id)
	if err != nil {
		return api.Explanation{}, err
	}
	return explain(j), nil
}

// Events follows a job. Transitions that were seen are not told again when a
// caller comes back with the last Seq it had.
func (b jobsBackend) Events(ctx context.Context, id string, q api.EventQuery, fn func(api.Event) error) error {
	j, err := b.find(id)
	if err != nil {
		return err
	}
	s := stream{b: b, q: q, fn: fn, after: q.After}
	if !q.Follow {
		return s.update(aggregator.Update{Job: j, End: j.State.Terminal()})
	}
	return b.n.agg.Watch(ctx, j.ID, s.update)
}

// stream turns updates of a job into events for one watcher.
type stream struct {
	b     jobsBackend
	q     api.EventQuery
	fn    func(api.Event) error
	after uint64
	count api.ShardCounts
	told  bool
	why   job.Reason // why it waits, as last told
}

func (s *stream) update(u aggregator.Update) error {
	for _, e := range transitionEvents(u.Job, s.after) {
		s.after = max(s.after, e.Seq)
		if err := s.fn(e); err != nil {
			return err
		}
	}
	if s.q.Logs {
		for _, l := range u.Logs {
			if err := s.fn(logEvent(l)); err != nil {
				return err
			}
		}
	}
	if err := s.waiting(u.Job); err != nil {
		return err
	}
	final := s.b.show(u.Job)
	if !s.told || final.Shards != s.count {
		s.told, s.count = true, final.Shards
		progress := api.Event{Seq: s.after, Type: api.EventProgress, Shards: &final.Shards, Cost: &final.Cost}
		if err := s.fn(progress); err != nil {
			return err
		}
	}
	if !u.End {
		return nil
	}
	return s.fn(api.Event{Seq: s.after + 1, Type: api.EventEnd, State: final.State, Reason: final.Reason, Job: &final})
}

// waiting tells why a job that could go on does not.
func (s *stream) waiting(j job.Job) error {
	if j.Reason == s.why || j.State.Terminal() || firstLook(j) {
		return nil
	}
	s.why = j.Reason
	if j.Reason.Text == "" {
		return nil
	}
	text := "waiting: " + j.Reason.Text
	if j.Reason.Hint != "" {
		text += " (" + j.Reason.Hint + ")"
	}
	return s.fn(api.Event{Seq: s.after, Type: api.EventNote, Text: text})
}

// firstLook tells that a job waits for nothing yet: its first search for
// providers has not come back.
func firstLook(j job.Job) bool {
	return j.Rounds == 1 && slices.ContainsFunc(j.Outbox, func(e job.Effect) bool { _, is := e.(job.Match); return is })
}

// transitionEvents are the log's lines after a sequence number, which is the
// time of the transition in microseconds: it rises and outlives the log's
// bound.
func transitionEvents(j job.Job, after uint64) []api.Event {
	var out []api.Event
	for _, t := range j.Log {
		seq := uint64(t.At.UnixMicro())
		if seq <= after {
			continue
		}
		e := api.Event{Seq: seq, AtMS: t.At.UnixMilli(), State: t.To, Reason: t.Why, Type: api.EventShard}
		var shard, attempt int
		switch {
		case t.Subject == "job":
			e.Type = api.EventState
		case scan(t.Subject, "attempt %d/%d", &shard, &attempt):
			if a, ok := j.AttemptOf(t); ok {
				attempt, e.Provider = int(a.Wire), a.Provider.String()
			}
			e.Shard, e.Attempt = &shard, &attempt
		case scan(t.Subject, "shard %d", &shard):
			e.Shard = &shard
		}
		if noteworthy(t) {
			e.Type = api.EventNote
			e.Text = fmt.Sprintf("%s: %s (%s)", j.Numbered(t), t.To, t.Why)
		}
		out = append(out, e)
	}
	return out
}

// noteworthy are the lines a person watching wants to see.
func noteworthy(t job.Transition) bool {
	if t.Why == "" || t.Subject == "job" {
		return false
	}
	switch job.AttemptState(t.To) {
	case job.AttemptBad, job.AttemptLost:
		return true
	}
	return job.ShardState(t.To) == job.ShardAdjudicating || job.ShardState(t.To) == job.ShardRejected
}

func scan(s, format string, into ...any) bool {
	n, err := fmt.Sscanf(s, format, into...)
	return err == nil && n == len(into)
}

func logEvent(l aggregator.Log) api.Event {
	shard, attempt := int(l.Shard), int(l.Attempt)
	return api.Event{
		AtMS: time.Now().UnixMilli(), Type: api.EventLog, Shard: &shard, Attempt: &attempt,
		Provider: l.Provider.String(), Stream: l.Chunk.Stream.String(), Data: l.Chunk.Data,
	}
}
