package job

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// index is what Step would otherwise count by walking over all shards of a job
// at every event. It follows from the job and is never written down. It is
// handed from a job to the one that follows it and written to in place: whoever
// steps an older job again finds it gone on, and gets a new one.
type index struct {
	version atomic.Uint64 // of the job it describes; 0 while a step is under way
	last    uint64

	by       map[identity.PubKey]*tally
	inFlight uint64
	given    uint64
	commits  map[ID]slot // by commit hash
	known    []uint32    // shards with a known answer
	bits     []uint8     // by shard
	hungry   bitset      // shards that miss attempts and had one
	fresh    bitset      // shards that miss attempts and had none

	undecided, paying, uncommitted int
	progressed                     bool
}

// slot names an attempt.
type slot struct{ shard, attempt uint32 }

// tally is what one provider has of a job.
type tally struct {
	busy     uint32        // attempts that hold a slot of it
	open     uint32        // attempts not decided
	given    uint32        // attempts that were not lost
	commits  uint32        // attempts that were committed to
	took     time.Duration // by all of these together, from start to commit
	held     []slot        // results whose payment is held back, oldest first
	standing int           // in Job.Providers; -1 none
	hex      string        // its key, for comparing it with operators
}

// What of a shard is counted.
const (
	bitUndecided uint8 = 1 << iota
	bitPaying
	bitUncommitted
	bitHungry
	bitFresh
)

// claim takes the job's index, or makes one when it has gone on without this job.
func (j *Job) claim() (x *index, owned bool) {
	if j.index != nil && j.version != 0 && j.index.version.CompareAndSwap(j.version, 0) {
		return j.index, true
	}
	return newIndex(j), false
}

// yield hands the index to a job.
func (x *index) yield(j *Job) {
	x.last++
	j.index, j.version = x, x.last
	x.version.Store(x.last)
}

func newIndex(j *Job) *index {
	n := len(j.Shards)
	x := &index{
		by: map[identity.PubKey]*tally{}, commits: map[ID]slot{},
		bits: make([]uint8, n), hungry: newBitset(n), fresh: newBitset(n),
	}
	for i, s := range j.Providers {
		x.tally(s.Provider).standing = i
	}
	for _, sh := range j.Shards {
		x.add(sh)
	}
	x.sortHeld(j)
	return x
}

func (x *index) add(sh *Shard) {
	if sh.Input.Known != nil {
		x.known = append(x.known, sh.Index)
	}
	for k := range sh.Attempts {
		a := &sh.Attempts[k]
		x.count(a, 1)
		if a.Commit.C != (ID{}) {
			x.commit(a.Commit.C, slot{sh.Index, a.N})
			x.addTook(a)
		}
		if a.Held {
			t := x.tally(a.Provider)
			t.held = append(t.held, slot{sh.Index, a.N})
		}
	}
	x.refresh(sh)
}

// sortHeld puts what is held in the order of its commits.
func (x *index) sortHeld(j *Job) {
	for _, t := range x.by {
		slices.SortStableFunc(t.held, func(a, b slot) int {
			return j.at(a).Commit.At.Compare(j.at(b).Commit.At)
		})
	}
}

func (j *Job) at(s slot) *Attempt { return &j.Shards[s.shard].Attempts[s.attempt] }

func (x *index) tally(p identity.PubKey) *tally {
	t := x.by[p]
	if t == nil {
		t = &tally{standing: -1, hex: p.Hex()}
		x.by[p] = t
	}
	return t
}

// count adds an attempt in its present state, or takes it away again.
func (x *index) count(a *Attempt, n int) {
	t := x.tally(a.Provider)
	if a.State.Busy() {
		t.busy += uint32(n)
		x.inFlight += uint64(n)
	}
	if a.State.Live() {
		t.open += uint32(n)
	}
	if a.State != AttemptLost && a.State != AttemptCancelled {
		t.given += uint32(n)
		x.given += uint64(n)
	}
	x.progressed = x.progressed || a.State != AttemptOffered
}

// commit notes whose a commit hash is; of a copied one, the first shard's.
func (x *index) commit(c ID, s slot) {
	if old, again := x.commits[c]; again && (old.shard < s.shard || old.shard == s.shard && old.attempt < s.attempt) {
		return
	}
	x.commits[c] = s
}

// addTook notes how long an attempt needed.
func (x *index) addTook(a *Attempt) {
	t := x.tally(a.Provider)
	t.commits, t.took = t.commits+1, t.took+a.took()
}

// usual is what a provider needs for a shard: the median over all that have got
// one, where those that have committed to nothing yet count as slow. Counted by
// attempt, a few who compute nothing and so have many would say what is usual, and
// the others would be called slow. False when half have committed to nothing.
func (x *index) usual() (time.Duration, bool) {
	var means []time.Duration
	asked := 0
	for _, t := range x.by {
		if t.commits > 0 {
			means = append(means, t.took/time.Duration(t.commits))
		}
		if t.commits > 0 || t.busy > 0 {
			asked++
		}
	}
	middle := max(asked-1, 0) / 2
	if middle >= len(means) {
		return 0, false
	}
	slices.Sort(means)
	return means[middle], true
}

// refresh counts a shard as it is now instead of as it was. It reports whether
// the shard has come to miss an attempt.
func (x *index) refresh(sh *Shard) (missing bool) {
	was, is := x.bits[sh.Index], sh.bits()
	x.bits[sh.Index] = is
	x.undecided += has(is, bitUndecided) - has(was, bitUndecided)
	x.paying += has(is, bitPaying) - has(was, bitPaying)
	x.uncommitted += has(is, bitUncommitted) - has(was, bitUncommitted)
	x.hungry.put(sh.Index, is&bitHungry != 0)
	x.fresh.put(sh.Index, is&bitFresh != 0)
	return is&^was&(bitHungry|bitFresh) != 0
}

func has(b, bit uint8) int {
	if b&bit != 0 {
		return 1
	}
	return 0
}

func (s *Shard) bits() (b uint8) {
	for k := range s.Attempts {
		if s.Attempts[k].State == AttemptOK {
			b |= bitPaying
		}
	}
	if s.decided() || s.dormant() {
		return b
	}
	b |= bitUndecided
	coming, in := s.have()
	if in < int(s.Wanted) {
		b |= bitUncommitted
	}
	switch {
	case coming >= int(s.Wanted):
	case len(s.Attempts) == 0:
		b |= bitFresh
	default:
		b |= bitHungry
	}
	return b
}

// bitset is a set of shard indices.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) put(i uint32, in bool) {
	if in {
		b[i/64] |= 1 << (i % 64)
	} else {
		b[i/64] &^= 1 << (i % 64)
	}
}

// next returns the first member from i on, or -1.
func (b bitset) next(i int) int {
	for w := i / 64; w < len(b); w++ {
		word := b[w]
		if w == i/64 {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

func (b bitset) empty() bool { return b.next(0) < 0 }

func (b bitset) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }
