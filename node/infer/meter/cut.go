package meter

// ahead is how many tokens may be on their way when a request is cut.
const ahead = 1024

// perToken is how many bytes of text the estimate of a prompt takes for a
// token. It is part of the protocol; package serving has the same.
const perToken = 4

// Estimate is what a prompt counts whose request was broken off before the
// provider told: both sides come to it from the same body.
func (a Ask) Estimate() uint64 {
	n := 0
	for _, t := range a.Texts {
		n += len(t)
	}
	return max(uint64((n+perToken-1)/perToken+a.IDs), 1)
}

// Why says by whose doing an answer was not had in full. It decides what is
// believed of what was not seen: were a provider believed whatever it says of
// answers that it broke off itself, it would earn most by breaking off all.
type Why int

const (
	// Left: who asked wanted no more. The prompt was read and tokens may be on
	// their way: all that is possible is believed.
	Left Why = iota
	// Waited: nothing came for so long that another was asked. The prompt is
	// believed, for both may have read it; an answer that never began is Lost.
	Waited
	// Broken: the provider, or the way to it, failed. What came is believed
	// with its prompt; what did not is Lost.
	Broken
)

// Cut counts a request that was not answered in full: nothing is certain but
// what it can have used at most. whole says that the answer was to come in one
// piece, guess is how many tokens one has that has no bound. Once something came
// a first token is counted, so that the rest is asked about.
func (m *Meter) Cut(why Why, whole bool, guess int) Result {
	most := m.Most(guess)
	out := most.Out // what there may be of the answer, seen or not
	if !whole {
		out = m.mostOut() + ahead
		if m.ask.MaxOut > 0 {
			out = min(out, most.Out)
		}
	}
	var seen uint64
	if m.events > 0 {
		seen = min(m.mostOut(), out)
	}
	r := Result{Slack: Count{most.In, out}}
	switch {
	case why == Waited || why == Broken && m.events > 0:
		r.Slack.Out, r.Lost.Out = seen, out-seen
	case why == Broken:
		r.Slack, r.Lost = Count{}, r.Slack
	}
	if m.bytes > 0 && r.Slack.Out > 0 {
		r.Out, r.Slack.Out = 1, r.Slack.Out-1
	}
	return r
}
