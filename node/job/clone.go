package job

import "slices"

// clone copies everything Step may write to. Effects are never written to after
// they were made, so that the copies share them.
func (j Job) clone() Job {
	j.Shards = slices.Clone(j.Shards)
	for i := range j.Shards {
		j.Shards[i].Attempts = slices.Clone(j.Shards[i].Attempts)
	}
	j.Candidates = slices.Clone(j.Candidates)
	j.Dropped = slices.Clone(j.Dropped)
	j.Providers = slices.Clone(j.Providers)
	j.Outbox = slices.Clone(j.Outbox)
	j.Log = slices.Clone(j.Log)
	return j
}

// Pending returns the effects not yet completed, oldest first: what to carry out
// again after a restart.
func (j Job) Pending() []Effect { return slices.Clone([]Effect(j.Outbox)) }
