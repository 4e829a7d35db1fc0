package job

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"sort"
)

// eligible are the candidates that could take an attempt of the shard, full ones
// included. Providers that never touched the shard come alone when there are
// enough; otherwise those whose earlier attempt ended without a lie may try again.
func (m *machine) eligible(sh *Shard) []Candidate {
	taken, tried, lied := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range sh.Attempts {
		switch {
		case a.State == AttemptLost && lie(a.Reason.Code), a.Reason.Code == CodeExcluded:
			lied[a.Provider.Hex()] = true
		case a.State == AttemptLost || a.State == AttemptCancelled:
			tried[a.Provider.Hex()] = true
		default:
			taken[a.operator()] = true
		}
	}
	var fresh, again []Candidate
	for _, c := range m.j.Candidates {
		key := c.Provider.Hex()
		if lied[key] || taken[operatorOf(c.Operator, c.Provider)] || m.excluded(c.Provider) || !m.usable(c, sh) {
			continue
		}
		if tried[key] {
			again = append(again, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	if cs := m.ofClass(sh, fresh); len(cs) > 0 {
		return cs
	}
	return m.ofClass(sh, append(fresh, again...))
}

// usable leaves out what cannot be paid and quotes that ran out. A quote that ran
// out of a provider whose slots this job fills is not missed: it is busy, not gone.
func (m *machine) usable(c Candidate, sh *Shard) bool {
	if _, ok := m.price(c, sh); !ok || c.Slots == 0 {
		return false
	}
	if sh.Class != "" && c.Class != sh.Class {
		return false
	}
	return !m.stale(c) || m.busy[c.Provider.Hex()] >= c.Slots
}

// ofClass fixes the hardware class of a shard that has none: one with enough
// different operators for the whole round, and if possible one more to decide a
// disagreement. It returns nil when no class has enough.
func (m *machine) ofClass(sh *Shard, cs []Candidate) []Candidate {
	if sh.Class != "" || sh.Wanted <= 1 {
		return cs
	}
	byClass, operators := map[string][]Candidate{}, map[string]map[string]bool{}
	for _, c := range cs {
		if operators[c.Class] == nil {
			operators[c.Class] = map[string]bool{}
		}
		operators[c.Class][operatorOf(c.Operator, c.Provider)] = true
		byClass[c.Class] = append(byClass[c.Class], c)
	}
	for _, spare := range []int{1, 0} {
		var names []string
		for name, ops := range operators {
			if len(ops) >= int(sh.Wanted)+spare {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			sort.Strings(names)
			var weights []uint64
			for _, n := range names {
				weights = append(weights, m.freeSlots(byClass[n])+1)
			}
			return byClass[names[m.draw("class", sh.Index, uint32(len(sh.Attempts)), weights)]]
		}
	}
	return nil
}

func (m *machine) free(c Candidate) uint64 {
	if b := m.busy[c.Provider.Hex()]; b < c.Slots && !m.stale(c) {
		return uint64(c.Slots - b)
	}
	return 0
}

func (m *machine) freeSlots(cs []Candidate) uint64 {
	var n uint64
	for _, c := range cs {
		n += m.free(c)
	}
	return n
}

// pick draws one of cs that has a free slot: more free slots and a lower price
// make it likelier. affordable is false when only the budget stood in the way.
func (m *machine) pick(sh *Shard, cs []Candidate) (c Candidate, ok, affordable bool) {
	var open []Candidate
	var prices []uint64
	lowest, dear := uint64(math.MaxUint64), false
	for _, c := range cs {
		p, _ := m.price(c, sh)
		switch {
		case m.free(c) == 0:
		case !m.fits(p):
			dear = true
		default:
			open, prices = append(open, c), append(prices, p.Value)
			lowest = min(lowest, p.Value)
		}
	}
	if len(open) == 0 {
		return Candidate{}, false, !dear
	}
	weights := make([]uint64, len(open))
	for i, c := range open {
		weights[i] = min(m.free(c), 1<<16) * cheapness(lowest, prices[i])
	}
	return open[m.draw("provider", sh.Index, uint32(len(sh.Attempts)), weights)], true, true
}

// cheapness is 1000 for the lowest price and falls in proportion, never to 0.
// Whole numbers only: every node must draw the same.
func cheapness(lowest, price uint64) uint64 {
	hi, lo := bits.Mul64(1000, lowest+1)
	q, _ := bits.Div64(hi, lo, price+1)
	return max(q, 1)
}

// draw chooses an index with the given weights. The choice follows from the
// job's secret, so that nobody outside foresees it and everybody can check it
// once the secret is out.
func (m *machine) draw(what string, shard, attempt uint32, weights []uint64) int {
	mac := hmac.New(sha256.New, m.j.Secret[:])
	mac.Write([]byte("infernet/assign/v1/" + what))
	var n [8]byte
	binary.BigEndian.PutUint32(n[:4], shard)
	binary.BigEndian.PutUint32(n[4:], attempt)
	mac.Write(n[:])
	var total uint64
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		return 0
	}
	at := binary.BigEndian.Uint64(mac.Sum(nil)) % total
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}
