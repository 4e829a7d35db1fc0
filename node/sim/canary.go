package sim

import (
	"infernet.tech/infernet/node/job"
)

// learn keeps what independent providers agreed on, for canaries of later jobs,
// with all that have seen it.
func (c *client) learn(sh *job.Shard) {
	if sh.Label == job.LabelClaimed || sh.Result == "" {
		return
	}
	in := sh.Input
	in.Name = ""
	in.Known = &job.Known{Root: sh.Result, Size: sh.Size, Not: seen(sh)}
	c.keep(in)
}

// keep adds a known answer; the oldest gives way where there are many.
func (c *client) keep(in job.Input) {
	if _, there := c.known[in.CID]; there {
		return
	}
	c.known[in.CID] = in
	if c.order = append(c.order, in.CID); len(c.order) > maxKnown {
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
}

// seen are the operators that got a shard; a provider is its own.
func seen(sh *job.Shard) (all []string) {
	for _, at := range sh.Attempts {
		operator := at.Operator
		if operator == "" {
			operator = at.Provider.Hex()
		}
		all = append(all, operator)
	}
	return all
}

// canaries draws n shards with a known answer, fewer where fewer are known. One
// that was used is not used again.
func (c *client) canaries(w *world, n int) (all []job.Input) {
	for range min(n, len(c.order)) {
		i := w.rng.IntN(len(c.order))
		cid := c.order[i]
		c.order = append(c.order[:i:i], c.order[i+1:]...)
		all = append(all, c.known[cid])
		delete(c.known, cid)
	}
	return all
}

// maxProbes is how many known answers a job keeps ready for validators, as the
// aggregator does.
const maxProbes = 4

// probes is how many a job may need: none unless strangers offer to validate.
func (c *client) probes(v job.Verify, shards int) int {
	if !c.judged || v.Mode == job.VerifyNone {
		return 0
	}
	return min(maxProbes, 1+shards/100)
}

// restore keeps the answers of probes that nobody was given.
func (c *client) restore(j job.Job) {
	for _, sh := range j.Shards {
		if known := sh.Input.Known; known != nil && known.Probe && len(sh.Attempts) == 0 {
			c.keep(sh.Input)
		}
	}
}
