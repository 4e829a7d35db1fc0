package job

import "slices"

// CopyShards copies shards and their attempts: what is done to the copies does
// not touch the job they came from.
func CopyShards(shards []*Shard) []*Shard {
	out := make([]*Shard, len(shards))
	for i, sh := range shards {
		out[i] = sh.copy()
	}
	return out
}

func (s *Shard) copy() *Shard {
	c := *s
	c.Attempts = slices.Clone(s.Attempts)
	return &c
}

// Changed returns the indices of the shards of after that before has not, or has
// otherwise: what is to be written after the steps from one to the other.
func Changed(before, after Job) []uint32 {
	var out []uint32
	for i, sh := range after.Shards {
		if i >= len(before.Shards) || before.Shards[i] != sh {
			out = append(out, uint32(i))
		}
	}
	return out
}

// Pending returns the effects not yet completed, oldest first: what to carry out
// again after a restart.
func (j Job) Pending() []Effect { return slices.Clone([]Effect(j.Outbox)) }
