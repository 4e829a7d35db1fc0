package job

import (
	"math"
	"slices"
	"sort"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
)

// option is a candidate with what this job has of it.
type option struct {
	*Candidate
	t        *tally
	operator string
	stale    bool
	excluded bool
	trusted  bool
	newcomer bool // nothing of it was ever found right
}

// options are the candidates as this step sees them.
func (m *machine) options() []option {
	if m.opts != nil {
		return m.opts
	}
	m.opts = make([]option, 0, len(m.j.Candidates))
	for i := range m.j.Candidates {
		c := &m.j.Candidates[i]
		t := m.x.tally(c.Provider)
		s := m.standingAt(t)
		operator := c.Operator
		if operator == "" {
			operator = t.hex
		}
		m.opts = append(m.opts, option{
			Candidate: c, t: t, operator: operator,
			stale: m.stale(*c), excluded: s != nil && s.Excluded, trusted: m.trusted(c),
			newcomer: c.New && (s == nil || s.Valid == 0),
		})
	}
	return m.opts
}

// trusted reports whether a candidate is a validator of one's own.
func (m *machine) trusted(c *Candidate) bool {
	return c.Trusted || slices.Contains(m.j.Spec.Verify.Validators, c.Provider)
}

// free is how many slots of a candidate can be filled now. A newcomer that was
// never right holds little at a time, whatever it offers. What it computes to
// check others counts only while it runs: else newcomers among themselves would
// wait for each other for ever.
func (m *machine) free(o *option, second bool) uint64 {
	if o.stale || o.t.busy >= o.Slots {
		return 0
	}
	if o.newcomer && !o.Validator && m.j.Spec.Verify.Mode != VerifyNone {
		has := o.t.open
		if second {
			has = o.t.busy
		}
		if has >= NewcomerOpen {
			return 0
		}
		return uint64(min(o.Slots-o.t.busy, NewcomerOpen-has))
	}
	return uint64(o.Slots - o.t.busy)
}

// second reports whether the next attempt of the shard checks another.
func (s *Shard) second() bool {
	coming, _ := s.have()
	return coming > 0
}

// usable leaves out what cannot be paid and quotes that ran out. A quote that ran
// out of a provider whose slots this job fills is not missed: it is busy, not gone.
func (m *machine) usable(o *option, sh *Shard) bool {
	if o.excluded || o.Slots == 0 || (sh.Class != "" && o.Class != sh.Class) || (o.stale && o.t.busy < o.Slots) {
		return false
	}
	_, ok := m.price(*o.Candidate, sh)
	return ok
}

// eligible are the candidates that could take the next attempt of the shard, full
// ones included. Who decides a dispute is a validator of one's own where there is
// one; a canary goes to nobody who has seen it, and a probe to a validator first:
// where that has another answer than the known one, anybody decides.
func (m *machine) eligible(sh *Shard) []*option {
	known := sh.Input.Known
	switch {
	case known != nil && known.Probe && !sh.Disputed:
		return m.fit(sh, func(o *option) bool { return o.Validator && !o.trusted })
	case sh.Spot == SpotWanted && !sh.hasTrusted():
		return m.fit(sh, func(o *option) bool { return o.trusted })
	case sh.Disputed:
		if own := m.fit(sh, func(o *option) bool { return o.trusted }); len(own) > 0 && !sh.hasTrusted() {
			return own
		}
		// Then those whose trade it is, once they have a record: providers that
		// cheat alike are many, and the quick among them would be the ones with
		// room for it. But a role costs nothing: who is new at it is one of all.
		always := audit.Replicas().Always
		if judges := m.fit(sh, func(o *option) bool { return o.Validator && o.Track.Valid >= always }); len(judges) > 0 {
			return judges
		}
		return m.fit(sh, func(*option) bool { return true })
	}
	cs := m.fairly(m.ofClass(sh, m.fit(sh, func(o *option) bool { return !o.Validator })))
	if len(cs) == 0 && sh.Class != "" {
		return m.fit(sh, func(o *option) bool { return o.Validator }) // nobody else is there to check it
	}
	return cs
}

// fit are the usable candidates of a kind that are independent of the shard's
// attempts. Providers that never touched the shard come alone when there are
// any; otherwise those whose earlier attempt ended without a lie may try again.
func (m *machine) fit(sh *Shard, kind func(*option) bool) []*option {
	opts := m.options()
	fresh := make([]*option, 0, len(opts))
	var again []*option
	for i := range opts {
		o := &opts[i]
		if !kind(o) || !m.usable(o, sh) || m.saw(o, sh) {
			continue
		}
		switch touched(sh, o) {
		case never:
			fresh = append(fresh, o)
		case tried:
			again = append(again, o)
		}
	}
	if len(fresh) > 0 {
		if sh.Class != "" || m.needed(sh) <= 1 || m.ofClass(sh, fresh) != nil {
			return fresh
		}
	}
	return append(fresh, again...)
}

type touch int

const (
	never  touch = iota
	tried        // and lost, without a lie
	barred       // it is part of the shard, too close to who is, or lied
)

func touched(sh *Shard, o *option) touch {
	out := never
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		gone := a.State == AttemptLost || a.State == AttemptCancelled
		switch {
		case gone && a.Provider != o.Provider:
		case gone && (lie(a.Reason.Code) || a.Reason.Code == CodeExcluded || a.Reason.Code == CodeInconclusive):
			return barred
		case gone:
			out = tried
		case a.near(o.Candidate) && (!o.trusted || a.same(o.Candidate)):
			return barred // where a validator of one's own is does not matter
		}
	}
	return out
}

// saw reports whether the candidate's operator has met a canary before, in an
// earlier job or in this one.
func (m *machine) saw(o *option, sh *Shard) bool {
	known := sh.Input.Known
	if known == nil {
		return false
	}
	if slices.Contains(known.Not, o.operator) || slices.Contains(known.Not, o.Provider.Hex()) {
		return true
	}
	for _, i := range m.x.known {
		other := m.j.Shards[i]
		if i == sh.Index || other.Input.Known.Root != known.Root || other.Input.CID != sh.Input.CID {
			continue
		}
		for k := range other.Attempts {
			if a := &other.Attempts[k]; a.Provider == o.Provider || a.operator() == o.operator {
				return true
			}
		}
	}
	return false
}

// needed is how many independent providers of one class a shard may come to
// need: where a lottery may ask for a second run, there must be somebody for it.
func (m *machine) needed(sh *Shard) int {
	switch m.j.Spec.Verify.Mode {
	case VerifyAdaptive, VerifySample:
		return int(max(sh.Wanted, 2))
	}
	return int(sh.Wanted)
}

// ofClass fixes the hardware class of a shard that has none: one with enough
// independent providers for the whole round, and if possible one more to decide
// a disagreement. It returns nil when no class has enough.
func (m *machine) ofClass(sh *Shard, cs []*option) []*option {
	need := m.needed(sh)
	if sh.Class != "" || need <= 1 {
		return cs
	}
	byClass := map[string][]*option{}
	for _, o := range cs {
		byClass[o.Class] = append(byClass[o.Class], o)
	}
	count := make(map[string]int, len(byClass))
	for name, os := range byClass {
		count[name] = independent(os, need+1)
	}
	for _, spare := range []int{1, 0} {
		var names []string
		for name, n := range count {
			if n >= need+spare {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			sort.Strings(names)
			weights := make([]uint64, len(names))
			for i, n := range names {
				weights[i] = m.freeSlots(byClass[n], sh.second()) + 1
			}
			return byClass[names[m.draw("class", sh.Index, uint32(len(sh.Attempts)), weights)]]
		}
	}
	return nil
}

// independent counts providers that are all apart from each other, up to enough.
func independent(cs []*option, enough int) int {
	var chosen []*option
	for _, o := range cs {
		if len(chosen) >= enough {
			break
		}
		if !slices.ContainsFunc(chosen, func(p *option) bool { return p.operator == o.operator || shares(p.Apart, o.Apart) }) {
			chosen = append(chosen, o)
		}
	}
	return len(chosen)
}

func (m *machine) freeSlots(cs []*option, second bool) uint64 {
	var n uint64
	for _, o := range cs {
		n += m.free(o, second)
	}
	return n
}

// fairly leaves out who has its share of the job already, unless nobody else is
// left: a fifth, or one and a half times an even share where there are few. Who
// was not yet found right as often as it is always audited gets no more than the
// latter: those who answer at once, as they compute nothing, would else have done
// the job before the first honest answer is in.
func (m *machine) fairly(cs []*option) []*option {
	if len(cs) < 2 {
		return cs
	}
	limit, even := m.share(cs)
	under := make([]*option, 0, len(cs))
	for _, o := range cs {
		most := limit
		if m.j.Spec.Verify.Mode != VerifyNone && o.Track.Valid < audit.Replicas().Always {
			most = even
		}
		if uint64(o.t.given) < most {
			under = append(under, o)
		}
	}
	if len(under) == 0 {
		return cs
	}
	return under
}

// share is the most that one of them gets of the job, and the most that one gets
// of whom little is known.
func (m *machine) share(cs []*option) (most, even uint64) {
	total := max(uint64(len(m.j.Shards))*uint64(m.j.Spec.Verify.Replicas), m.x.given+1)
	n := uint64(m.groups(cs))
	even = (3*total + 2*n - 1) / (2 * n)
	return max((total+maxShare-1)/maxShare, even), max(even, NewcomerOpen)
}

// groups is about how many of them are apart from each other: those that share
// their nearest key count once.
func (m *machine) groups(cs []*option) int {
	seen := make(map[string]bool, len(cs))
	for _, o := range cs {
		key := o.operator
		if len(o.Apart) > 0 {
			key = o.Apart[0]
		}
		seen[key] = true
	}
	return len(seen)
}

// pick draws one of cs that has a free slot, evenly by free slots among those
// nearly as good as the best; now and then a newcomer. affordable is false when
// only the budget stood in the way.
func (m *machine) pick(sh *Shard, cs []*option) (o *option, ok, affordable bool) {
	var open []*option
	dear, second := false, sh.second()
	for _, o := range cs {
		if m.free(o, second) == 0 {
			continue
		}
		if p, _ := m.price(*o.Candidate, sh); !m.fits(p) {
			dear = true
			continue
		}
		open = append(open, o)
	}
	if len(open) == 0 {
		return nil, false, !dear
	}
	n := uint32(len(sh.Attempts))
	open = m.band(sh, open)
	weights := make([]uint64, len(open))
	for i, o := range open {
		weights[i] = min(m.free(o, second), 1<<16)
	}
	return open[m.draw("provider", sh.Index, n, weights)], true, true
}

// band leaves those whose rank is within a quarter of the best, or, by a draw,
// the newcomers, who would never be among the best.
func (m *machine) band(sh *Shard, open []*option) []*option {
	var young []*option
	best := 0.0
	for _, o := range open {
		if o.newcomer {
			young = append(young, o)
		}
		if o.Rank > best && !math.IsInf(o.Rank, 0) {
			best = o.Rank
		}
	}
	if len(young) > 0 && len(young) < len(open) && m.chosen("explore", sh.Index, uint32(len(sh.Attempts)), explorePPM) {
		return young
	}
	var good []*option
	for _, o := range open {
		if o.Rank*bandWidth >= best {
			good = append(good, o)
		}
	}
	if len(good) == 0 {
		return open
	}
	return good
}

// candidate finds the quote of a provider.
func (m *machine) candidate(p identity.PubKey) *Candidate {
	for i := range m.j.Candidates {
		if m.j.Candidates[i].Provider == p {
			return &m.j.Candidates[i]
		}
	}
	return nil
}
