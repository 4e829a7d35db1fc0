package infer

import (
	"context"
	"errors"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
)

// errCostly says that audits have spent what they may.
var errCostly = errors.New("audits have spent what they may in an hour")

// one audits one answer. It returns false when it, and so most likely those
// behind it, must wait.
func (u *auditor) one(ctx context.Context, p *pending) bool {
	c, ok := claimOf(p.q, p.heard, p.in, p.context)
	if guilty := p.l.guilty(); !ok || guilty { // of those whose guilt is known no more is asked
		u.count(func(s *AuditStats) {
			if guilty {
				s.Dropped++
			} else {
				s.Inconclusive++
			}
		})
		p.audited(0)
		return true
	}
	s := p.l.subject()
	cost := u.cost(p.l.Rate, meter.Count{In: p.in, Out: uint64(len(c.req.TokenIDs))})
	d := u.dossier(s)
	out, err := u.replay(ctx, s, c, d, cost)
	if err := weigh(&d.test, c, out, s, err); err != nil {
		if errors.Is(err, errGarbage) { // it is the auditor who says what cannot be
			u.r.health.failed(out.by, 1, u.r.now())
		}
		return u.later(ctx, p, err)
	}
	d.add(one{claim: c, lease: p.l.ID, number: p.number}, out.by)
	answer, stats, why := d.test.decide()
	passed := uint32(0)
	switch {
	case answer == compare.Match:
		passed = uint32(len(d.cases))
		u.close(s)
		u.count(func(s *AuditStats) { s.Passed += uint64(passed) })
	case answer == compare.Mismatch:
		u.count(func(s *AuditStats) { s.Suspected++ })
		u.r.log.Info("answers do not look like the model's", "provider", s.peer.Short(), "model", s.model, "tokens", stats.Tokens, "reason", why)
		u.confirm(ctx, p.l, d, judged{answer, stats, why})
		u.close(s)
	case d.full():
		u.count(func(s *AuditStats) { s.Inconclusive += uint64(len(d.cases)) })
		u.close(s)
	}
	p.audited(passed)
	p.l.setRate(u.r.rateOf(p.l))
	u.r.kick()
	return true
}

// weigh takes a replay, or why there is none, into a test.
func weigh(t *trial, c claim, out replay, s subject, err error) error {
	switch {
	case err == nil:
		return t.add(c, out.ReplayResponse, out.like(s))
	case t.none(err):
		return nil
	}
	return err
}

func (l *lease) guilty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Guilt != nil
}

func (l *lease) setRate(ppm uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = ppm
}

// later puts an answer back that could not be audited now, for some times.
// What costs too much waits for its turn, and nobody may be there to ask: neither
// keeps a payment waiting.
func (u *auditor) later(ctx context.Context, p *pending, cause error) bool {
	var nobody *openai.Error
	if errors.Is(cause, errCostly) || errors.As(cause, &nobody) && nobody.Code == CodeNoProvider {
		p.letPay()
		u.r.kick()
	}
	if p.tries++; ctx.Err() == nil && (p.tries < auditTries || errors.Is(cause, errCostly)) {
		u.mu.Lock()
		u.waiting, u.bytes = append([]*pending{p}, u.waiting...), u.bytes+p.size
		u.mu.Unlock()
		return false
	}
	u.r.log.Debug("answer not audited", "lease", p.l.ID.Short(), "request", p.number, "err", cause)
	u.count(func(s *AuditStats) { s.Dropped++ })
	p.audited(0)
	return true
}

// confirm asks others about what one auditor found wrong. Nobody is blamed on
// the word of one stranger: a second, independent of all who replayed before,
// has to find the same. Where nobody else can be asked, this node's own engine
// is believed.
func (u *auditor) confirm(ctx context.Context, l *lease, d *dossier, first judged) {
	s := l.subject()
	found := []finding{{by: d.by, judged: first, seen: d.test.seen}}
	against := 1
	for range u.r.cfg.Audits.Confirm {
		v, err := u.again(ctx, s, d, found)
		if err != nil {
			u.r.log.Info("no second auditor", "provider", s.peer.Short(), "err", err)
			break
		}
		found = append(found, v)
		if v.answer == compare.Mismatch {
			against++
		}
		if against >= 2 || len(found)-against >= 2 {
			break
		}
	}
	own := len(found) == 1 && len(d.by) == 1 && d.by[0] == u.r.d.Key.PubKey()
	if against >= 2 || own {
		u.count(func(s *AuditStats) { s.Confirmed++ })
		u.r.convict(l, d, found)
		return
	}
	u.count(func(s *AuditStats) { s.Inconclusive += uint64(len(d.cases)) })
	if len(found) == 1 {
		// One stranger's word ends no lease, but others are asked first.
		u.r.health.failed(s.peer, 1, u.r.now())
	}
}

// finding is what one side thinks of a dossier.
type finding struct {
	judged
	by   []identity.PubKey
	seen [][]mark // of each of its answers
}

// judged is the answer of a test with its reasons.
type judged struct {
	answer compare.Answer
	stats  compare.Stats
	why    string
}

// again has all of a dossier replayed by one more auditor.
func (u *auditor) again(ctx context.Context, s subject, d *dossier, before []finding) (finding, error) {
	not := []identity.PubKey{s.peer}
	for _, v := range before {
		not = append(not, v.by...)
	}
	test := u.trial(s)
	var by identity.PubKey
	for _, c := range d.cases {
		// This is what the money is kept for: it is not refused now.
		ctx, cancel := context.WithTimeout(ctx, auditTime)
		out, err := u.r.replayAt(ctx, s.model, c.req, not, by)
		cancel()
		u.purse.add(out.cost, u.r.now())
		if err := weigh(&test, c.claim, out, s, err); err != nil {
			return finding{}, err
		}
		by = out.by // all of it by the same eyes
		u.count(func(s *AuditStats) { s.Replayed++; s.Tokens += uint64(len(out.Tokens)) })
	}
	answer, stats, why := test.decide()
	return finding{judged{answer, stats, why}, []identity.PubKey{by}, test.seen}, nil
}
