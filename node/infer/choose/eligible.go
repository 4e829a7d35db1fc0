package choose

import (
	"errors"
	"fmt"
	"strconv"
)

// Reasons why a candidate is not eligible, wrapped with its numbers.
var (
	ErrTooDear    = errors.New("asks more than the limit")
	ErrBudget     = errors.New("the request may cost more than is allowed")
	ErrNoCredit   = errors.New("its credit for this node is used up")
	ErrContext    = errors.New("the request does not fit into its context")
	ErrReputation = errors.New("its reputation is below the minimum")
	ErrSlow       = errors.New("slower than asked for")
	ErrNoSlots    = errors.New("answers no requests")
	ErrResting    = errors.New("failed a moment ago")
)

// Eligible returns nil, or the first reason against c and the number that would
// have done.
func (c Candidate) Eligible(n Need) error {
	switch {
	case n.MaxIn > 0 && c.In > n.MaxIn:
		return fmt.Errorf("%w: %s per million prompt tokens, at most %s", ErrTooDear, n.human(c.In), n.human(n.MaxIn))
	case n.MaxOut > 0 && c.Out > n.MaxOut:
		return fmt.Errorf("%w: %s per million completion tokens, at most %s", ErrTooDear, n.human(c.Out), n.human(n.MaxOut))
	case n.Budget > 0 && c.Owing > n.Budget:
		return fmt.Errorf("%w: %s, at most %s", ErrBudget, n.human(c.Owing), n.human(n.Budget))
	case c.Slots == 0:
		return ErrNoSlots
	case c.Owing > 0 && c.Credit < c.Owing:
		return fmt.Errorf("%w: %s left, the request may cost %s", ErrNoCredit, n.human(c.Credit), n.human(c.Owing))
	case n.Context > 0 && c.Context > 0 && uint64(c.Context) < n.Context:
		return fmt.Errorf("%w: %d tokens, it needs %d", ErrContext, c.Context, n.Context)
	case c.Reputation < n.MinReputation:
		return fmt.Errorf("%w: %.2f, at least %.2f", ErrReputation, c.Reputation, n.MinReputation)
	case n.MinTPSMilli > 0 && c.TPSMilli < n.MinTPSMilli:
		return fmt.Errorf("%w: %.1f tokens a second, at least %.1f", ErrSlow, float64(c.TPSMilli)/1000, float64(n.MinTPSMilli)/1000)
	case n.MaxTTFTMS > 0 && (c.TTFTMS == 0 || c.TTFTMS > n.MaxTTFTMS):
		return fmt.Errorf("%w: first token after %d ms (0: not measured), at most %d", ErrSlow, c.TTFTMS, n.MaxTTFTMS)
	}
	return nil
}

func (n Need) human(v uint64) string {
	if n.Human == nil {
		return strconv.FormatUint(v, 10)
	}
	return n.Human(v)
}
