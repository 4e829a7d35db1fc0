package model

import (
	"context"
	"math/rand/v2"
	"time"
)

// Heal is what it took two halves of the network to agree after a day apart.
type Heal struct {
	Rounds   int           `json:"rounds"`    // of sync, until all held all
	Time     time.Duration `json:"time_ns"`   // of those rounds, and of the bytes over 10 Mbit/s
	Missing  int           `json:"missing"`   // documents that a node lacked
	Bytes    float64       `json:"bytes"`     // per node, both ways
	Overhead float64       `json:"overhead"`  // of them: what was no document
	FullCopy float64       `json:"full_copy"` // bytes of all documents
}

// meeting is with how many peers of the other half a node syncs when it meets
// them again; afterwards rounds are ordinary.
const meeting = 3

const (
	notice = 15 * time.Second // until a node sees that peers are back
	line   = 10e6             // bits a second that a node has, both ways together
)

// healing is the state of the network: how many of the other half's documents
// each node holds. They travel newest first, so that a number says which.
type healing struct {
	cfg      Config
	lacks    int
	held     []int
	bytes    float64
	overhead float64
	costs    map[[2]int]question
}

func heal(ctx context.Context, cfg Config, rng *rand.Rand) (Heal, error) {
	on := int(float64(cfg.Nodes) * cfg.Online)
	h := &healing{cfg: cfg, lacks: int(float64(cfg.Nodes) / 2 * cfg.Changed), held: make([]int, on), costs: make(map[[2]int]question)}
	out := Heal{Missing: h.lacks, FullCopy: float64(cfg.Nodes * cfg.Document)}
	for ; !h.agreed() && out.Rounds < 100; out.Rounds++ {
		if err := ctx.Err(); err != nil {
			return Heal{}, err
		}
		for _, i := range rng.Perm(on) {
			for range partnersIn(out.Rounds) {
				j := rng.IntN(on)
				if out.Rounds == 0 {
					j = j/2*2 + 1 - i%2 // of the other half
				}
				if j != i && j < on {
					h.sync(i, j)
				}
			}
		}
	}
	out.Bytes, out.Overhead = h.bytes/float64(on), h.overhead/float64(on)
	out.Time = notice + time.Duration(max(out.Rounds-1, 0))*cfg.Every + time.Duration(out.Bytes*8/line*float64(time.Second))
	return out, nil
}

func partnersIn(round int) int {
	if round == 0 {
		return meeting
	}
	return 2 // one at random, one trusted
}

func (h *healing) agreed() bool {
	for _, n := range h.held {
		if n < h.lacks {
			return false
		}
	}
	return true
}

// sync has sessions of two nodes until they agree. Even nodes are of one half.
func (h *healing) sync(i, j int) {
	for range inARow {
		// What each could give the other: of its own half's, and of the rest.
		ij, ji := &h.held[i], &h.held[j]
		var need, have int // of documents, for i
		if i%2 == j%2 {
			need, have = max(*ji-*ij, 0), max(*ij-*ji, 0)
		} else {
			need, have = h.lacks-*ij, h.lacks-*ji
		}
		q := h.cost(have, need)
		asked, offered := min(need, q.found), min(have, room)
		fit := (maxSession - q.bytes - transfer(asked, offered, 0, 0)) / (frameHead + h.cfg.Document)
		got := min(asked, fit)
		if have > 0 {
			got = min(got, max(fit/2, fit-2*offered*roomFor/h.cfg.Document))
		}
		gave := min(offered, fit-got)
		*ij, *ji = *ij+got, *ji+gave
		docs := float64(got+gave) * float64(h.cfg.Document)
		all := float64(q.bytes + transfer(asked, offered, got+gave, h.cfg.Document))
		h.bytes += 2 * all // both ends carry them
		h.overhead += 2 * (all - docs)
		if got == need && gave == have || got+gave == 0 {
			return
		}
	}
}

// cost is that of comparing two sets of which one has so many new documents and
// the other so many. It is measured at the next powers of two.
func (h *healing) cost(have, need int) question {
	key := [2]int{h.step(have), h.step(need)}
	q, ok := h.costs[key]
	if !ok {
		q = compare(max(h.cfg.Nodes-key[0]-key[1], 0), key[0], key[1], room)
		h.costs[key] = q
	}
	return q
}

func (h *healing) step(n int) int {
	if n == 0 {
		return 0
	}
	s := 1
	for s < n {
		s *= 2
	}
	return min(s, h.lacks)
}
