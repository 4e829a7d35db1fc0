package job

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// maxWire bounds the numbers that attempts have in documents.
const maxWire = 60_000

// seeded is a number that follows from the job's secret, so that nobody outside
// foresees it and everybody can check it once the secret is out.
func seeded(secret ID, what string, shard, attempt uint32) uint64 {
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte("infernet/assign/v1/" + what))
	var n [8]byte
	binary.BigEndian.PutUint32(n[:4], shard)
	binary.BigEndian.PutUint32(n[4:], attempt)
	mac.Write(n[:])
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

func (m *machine) seeded(what string, shard, attempt uint32) uint64 {
	return seeded(m.j.Secret, what, shard, attempt)
}

// chosen draws whether something with a chance of ppm happens.
func (m *machine) chosen(what string, shard, attempt, ppm uint32) bool {
	return m.seeded(what, shard, attempt)%1_000_000 < uint64(ppm)
}

// draw chooses an index with the given weights. Whole numbers only: every node
// must draw the same.
func (m *machine) draw(what string, shard, attempt uint32, weights []uint64) int {
	var total uint64
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		return 0
	}
	at := m.seeded(what, shard, attempt) % total
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

// wireNumber is the number of the next attempt of a shard in documents: one that
// no attempt of it has. That it is the second, or the fifth, does not show.
func (m *machine) wireNumber(sh *Shard) uint32 {
	n := uint32(len(sh.Attempts))
	for k := 0; ; k++ {
		wire := uint32(m.seeded(fmt.Sprintf("wire/%d", k), sh.Index, n) % maxWire)
		taken := false
		for i := range sh.Attempts {
			taken = taken || sh.Attempts[i].Wire == wire
		}
		if !taken {
			return wire
		}
	}
}

// places mixes the inputs with a known answer among the others, which stay in
// their order: where they are follows from the secret alone.
func places(secret ID, inputs []Input) []Input {
	var real, known []Input
	for _, in := range inputs {
		if in.Known != nil {
			known = append(known, in)
		} else {
			real = append(real, in)
		}
	}
	// The first of a shuffled list of places, as many as are known.
	at := make([]int, len(inputs))
	for i := range at {
		at[i] = i
	}
	isKnown := make([]bool, len(inputs))
	for i := range known {
		k := i + int(seeded(secret, "canary", uint32(i), 0)%uint64(len(at)-i))
		at[i], at[k] = at[k], at[i]
		isKnown[at[i]] = true
	}
	out := make([]Input, 0, len(inputs))
	for _, k := range isKnown {
		if k {
			out, known = append(out, known[0]), known[1:]
		} else {
			out, real = append(out, real[0]), real[1:]
		}
	}
	return out
}
