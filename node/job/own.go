package job

import (
	"slices"

	"infernet.tech/infernet/p2p/identity"
)

// own returns a shard that this step may write to: a copy, made at the first
// use, as the job that was passed in must stay as it is.
func (m *machine) own(i uint32) *Shard {
	if m.base == nil {
		m.base = m.j.Shards
		m.j.Shards = slices.Clone(m.base)
	}
	if m.j.Shards[i] == m.base[i] {
		m.j.Shards[i] = m.base[i].copy()
		m.touched = append(m.touched, i)
	}
	return m.j.Shards[i]
}

// standing returns the entry of a provider to write to.
func (m *machine) standing(p identity.PubKey) *Standing {
	if !m.ownProviders {
		m.j.Providers, m.ownProviders = slices.Clone(m.j.Providers), true
	}
	t := m.x.tally(p)
	if t.standing < 0 {
		t.standing = len(m.j.Providers)
		m.j.Providers = append(m.j.Providers, Standing{Provider: p})
	}
	return &m.j.Providers[t.standing]
}

// known returns the entry of a provider to read, or nil.
func (m *machine) known(p identity.PubKey) *Standing {
	if t := m.x.by[p]; t != nil {
		return m.standingAt(t)
	}
	return nil
}

func (m *machine) standingAt(t *tally) *Standing {
	if t.standing < 0 {
		return nil
	}
	return &m.j.Providers[t.standing]
}

func (m *machine) excluded(p identity.PubKey) bool {
	s := m.known(p)
	return s != nil && s.Excluded
}

func (m *machine) caught(p identity.PubKey) bool {
	s := m.known(p)
	return s != nil && s.Caught
}
