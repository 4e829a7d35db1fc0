package aggregator

import (
	"fmt"
	"time"

	"infernet.tech/infernet/node/job"
)

// compare groups the results of a shard by equality. The exact comparator
// needs no bytes: equal roots are equal trees, and each tree was fetched and
// verified before.
func compare(e job.Compare) (job.Event, error) {
	if e.Comparator != job.CompareExact && e.Comparator != "" {
		return nil, fmt.Errorf("aggregator: unknown comparator %q", e.Comparator)
	}
	ev := job.Compared{Shard: e.Shard, Now: time.Now()}
	group := map[string]int{}
	for i, n := range e.Attempts {
		g, ok := group[e.Roots[i]]
		if !ok {
			g = len(ev.Groups)
			group[e.Roots[i]] = g
			ev.Groups = append(ev.Groups, nil)
		}
		ev.Groups[g] = append(ev.Groups[g], n)
	}
	return ev, nil
}
