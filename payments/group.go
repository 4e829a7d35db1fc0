package payments

import (
	"fmt"
	"slices"
	"strings"

	"infernet.tech/infernet/store"
)

// By is what earnings and costs are added up by.
type By string

const (
	// ByJob: the part of a ref before its first slash.
	ByJob By = "job"
	// ByPeer: the other side, as npub.
	ByPeer By = "peer"
	// ByDay: the day on which a payment began, 2006-01-02 in UTC.
	ByDay By = "day"
)

// Total is what was earned and spent in one group, in one unit.
type Total struct {
	Key    string `json:"key"`
	Unit   Unit   `json:"unit"`
	Earned uint64 `json:"earned"`
	Spent  uint64 `json:"spent"`
	Count  int    `json:"count"` // payments
}

// Group adds up the captured payments for work that f selects, ordered by key
// and unit; State, Work and Limit of f are not looked at. It holds the groups
// and not the entries.
func (j *Journal) Group(f Filter, by By) ([]Total, error) {
	key, err := by.key()
	if err == nil {
		err = j.Prepare()
	}
	if err != nil {
		return nil, err
	}
	f.State, f.Work, f.Limit, f.After = StateCaptured, true, 0, ""
	groups := map[[2]string]*Total{}
	err = j.s.View(func(r store.Reader) error {
		clear(groups)
		return j.walk(r, f, func(e Entry) error {
			k := [2]string{key(e), string(e.Amount.Unit)}
			if groups[k] == nil {
				groups[k] = &Total{Key: k[0], Unit: e.Amount.Unit}
			}
			return groups[k].add(e)
		})
	})
	if err != nil {
		return nil, err
	}
	out := make([]Total, 0, len(groups))
	for _, t := range groups {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Total) int {
		return strings.Compare(a.Key+"\x00"+string(a.Unit), b.Key+"\x00"+string(b.Unit))
	})
	return out, nil
}

func (t *Total) add(e Entry) error {
	sum := &t.Spent
	if e.Direction == In {
		sum = &t.Earned
	}
	a, err := Amount{Value: *sum, Unit: t.Unit}.Add(e.Amount)
	*sum = a.Value
	t.Count++
	return err
}

func (b By) key() (func(Entry) string, error) {
	switch b {
	case ByJob:
		return func(e Entry) string { job, _, _ := strings.Cut(string(e.Ref), "/"); return job }, nil
	case ByPeer:
		return func(e Entry) string { return e.Peer.String() }, nil
	case ByDay:
		return func(e Entry) string { return e.Created.UTC().Format("2006-01-02") }, nil
	}
	return nil, fmt.Errorf("by %.20q: %w", string(b), ErrSyntax)
}
