package job

import "slices"

func (m *machine) emit(e Effect) {
	if !m.ownOutbox {
		m.j.Outbox, m.ownOutbox = slices.Clone(m.j.Outbox), true
	}
	m.j.Outbox = append(m.j.Outbox, e)
	m.out = append(m.out, e)
}

// pending returns the first effect that fits, or nil.
func (m *machine) pending(fits func(Effect) bool) Effect {
	for _, e := range m.j.Outbox {
		if fits(e) {
			return e
		}
	}
	return nil
}

// drop takes effects out of the outbox and reports whether one was there.
func (m *machine) drop(fits func(Effect) bool) bool {
	first := slices.IndexFunc(m.j.Outbox, fits)
	if first < 0 {
		return false
	}
	kept := make(Outbox, 0, len(m.j.Outbox)+8)
	kept = append(kept, m.j.Outbox[:first]...)
	for _, e := range m.j.Outbox[first+1:] {
		if !fits(e) {
			kept = append(kept, e)
		}
	}
	if len(kept) == 0 {
		kept = nil
	}
	m.j.Outbox, m.ownOutbox = kept, true
	return true
}

// effects returns what was emitted in this step and is still wanted at its end.
func (m *machine) effects() []Effect {
	if len(m.out) == 0 {
		return nil
	}
	wanted := make(map[string]bool, len(m.out))
	for _, e := range m.j.Outbox[max(0, len(m.j.Outbox)-len(m.out)):] {
		wanted[e.Key()] = true
	}
	var out []Effect
	for _, e := range m.out {
		if key := e.Key(); wanted[key] || m.pending(func(o Effect) bool { return o.Key() == key }) != nil {
			out = append(out, e)
		}
	}
	return out
}

// The effects of one attempt, and of one shard, in the outbox.

func dispatchOf(sh *Shard, a *Attempt) func(Effect) bool {
	return func(e Effect) bool { d, ok := e.(Dispatch); return ok && d.Shard == sh.Index && d.Attempt == a.N }
}

func revealOf(sh *Shard, a *Attempt) func(Effect) bool {
	return func(e Effect) bool { d, ok := e.(RequestReveal); return ok && d.Shard == sh.Index && d.Attempt == a.N }
}

func fetchOf(sh *Shard, a *Attempt) func(Effect) bool {
	return func(e Effect) bool { d, ok := e.(Fetch); return ok && d.Shard == sh.Index && d.Attempt == a.N }
}

func auditOf(sh *Shard, a *Attempt) func(Effect) bool {
	return func(e Effect) bool { d, ok := e.(Audit); return ok && d.Shard == sh.Index && d.Attempt == a.N }
}

func settleOf(sh *Shard, a *Attempt) func(Effect) bool {
	return func(e Effect) bool { d, ok := e.(Settle); return ok && d.Shard == sh.Index && d.Attempt == a.N }
}

func compareOf(sh *Shard) func(Effect) bool {
	return func(e Effect) bool { d, ok := e.(Compare); return ok && d.Shard == sh.Index }
}

func isMatch(e Effect) bool { _, ok := e.(Match); return ok }

func isMerge(e Effect) bool { _, ok := e.(Merge); return ok }

// forget drops the effects an attempt no longer needs, and a comparison it was part of.
func (m *machine) forget(sh *Shard, a *Attempt) {
	m.drop(func(e Effect) bool {
		switch e := e.(type) {
		case Dispatch:
			return e.Shard == sh.Index && e.Attempt == a.N
		case RequestReveal:
			return e.Shard == sh.Index && e.Attempt == a.N
		case Fetch:
			return e.Shard == sh.Index && e.Attempt == a.N
		case Audit:
			return e.Shard == sh.Index && e.Attempt == a.N
		case Compare:
			return e.Shard == sh.Index
		}
		return false
	})
}
