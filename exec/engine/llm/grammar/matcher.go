package grammar

import (
	"encoding/binary"
	"errors"
	"slices"
)

// ErrReadings: the answer can be read in too many ways to follow them all.
var ErrReadings = errors.New("the form of the answer is too ambiguous to follow")

// Bounds of one answer.
const (
	maxReadings = 1000    // ways to read it at once
	maxVisits   = 20_000  // places looked at for one byte
	tokenWork   = 50_000  // places looked at in all, for each token, and
	firstWork   = 1 << 20 // more of them at any time: other answers wait for it
	keptStates  = 2048    // between tokens
	maxStates   = 8192
	keptFrames  = 1 << 15
	maxFrames   = 1 << 18
)

// frame is a place in a rule and where to go on after the rule's end. Equal
// frames are one, so that a set of frames stands for all ways to read what was
// written so far.
type frame struct {
	rule, alt, pos int32
	parent         int32 // -1: the end of the answer
}

// state is a set of frames that each wait for a byte.
type state struct {
	frames []int32
	end    bool        // the answer may end here
	next   *[256]int32 // states, 0 unknown, dead none
}

// follower follows one answer byte by byte. The states it meets are made when
// they are first needed.
type follower struct {
	g      *Grammar
	frames []frame
	byKey  map[frame]int32
	seen   []uint32 // of each frame, the last mark
	mark   uint32
	visits int
	work   int
	budget int
	states []state
	byset  map[string]int32
	over   bool // a bound was met
}

const dead = -1

func newFollower(g *Grammar) (f *follower, start int32) {
	f = &follower{g: g, budget: firstWork}
	f.clear()
	f.begin()
	var set []int32
	end := false
	for alt := range g.rules[g.start] {
		set, end = f.expand(set, end, f.frame(frame{g.start, int32(alt), 0, -1}))
	}
	return f, f.state(set, end)
}

func (f *follower) clear() {
	f.frames, f.byKey, f.seen = nil, map[frame]int32{}, nil
	f.states, f.byset = []state{{}}, map[string]int32{} // 0 is none
}

// begin starts a new set.
func (f *follower) begin() {
	f.mark++
	f.visits = 0
}

func (f *follower) frame(fr frame) int32 {
	if id, ok := f.byKey[fr]; ok {
		return id
	}
	if len(f.frames) >= maxFrames {
		f.over = true
		return -1
	}
	id := int32(len(f.frames))
	f.frames, f.seen = append(f.frames, fr), append(f.seen, 0)
	f.byKey[fr] = id
	return id
}

// expand adds to a set the frames that wait for a byte when one stands at id.
func (f *follower) expand(set []int32, end bool, id int32) ([]int32, bool) {
	todo := []int32{id}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id < 0 {
			end = end || !f.over
			continue
		}
		if f.seen[id] == f.mark {
			continue
		}
		f.seen[id] = f.mark
		f.visits++
		f.work++
		if f.over = f.over || f.visits > maxVisits || f.work > f.budget || len(set) > maxReadings; f.over {
			return nil, false
		}
		fr := f.frames[id]
		alt := f.g.rules[fr.rule][fr.alt]
		if int(fr.pos) == len(alt) {
			todo = append(todo, fr.parent)
			continue
		}
		sym := alt[fr.pos]
		if sym.rule < 0 {
			set = append(set, id)
			continue
		}
		// A rule at another's end goes on where that one would: repetition
		// costs no depth, and a rule that only leads back to itself ends.
		parent := fr.parent
		if int(fr.pos)+1 < len(alt) {
			parent = f.frame(frame{fr.rule, fr.alt, fr.pos + 1, fr.parent})
		}
		for a := len(f.g.rules[sym.rule]) - 1; a >= 0 && !f.over; a-- {
			todo = append(todo, f.frame(frame{sym.rule, int32(a), 0, parent}))
		}
	}
	return set, end
}

// state is the number of a set of frames.
func (f *follower) state(set []int32, end bool) int32 {
	if f.over || len(set) == 0 && !end {
		return dead
	}
	slices.Sort(set)
	key := make([]byte, 0, 4*len(set)+1)
	for _, id := range set {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	if end {
		key = append(key, 1)
	}
	if id, ok := f.byset[string(key)]; ok {
		return id
	}
	if len(f.states) >= maxStates {
		f.over = true
		return dead
	}
	id := int32(len(f.states))
	f.states = append(f.states, state{frames: slices.Clone(set), end: end})
	f.byset[string(key)] = id
	return id
}

// step is the state after one more byte, dead where it leads out of the form.
func (f *follower) step(at int32, b byte) int32 {
	s := &f.states[at]
	if f.over {
		return dead // whatever is asked after that costs nothing
	}
	if s.next == nil {
		s.next = new([256]int32)
	}
	if s.next[b] == 0 {
		f.begin()
		var set []int32
		end := false
		for _, id := range s.frames {
			fr := f.frames[id]
			if sym := f.g.rules[fr.rule][fr.alt][fr.pos]; sym.low <= b && b <= sym.high {
				fr.pos++
				set, end = f.expand(set, end, f.frame(fr))
			}
		}
		next := f.state(set, end)
		if f.over {
			return dead
		}
		// The list of states may have moved.
		f.states[at].next[b] = next
	}
	return f.states[at].next[b]
}

// walk is the state after a text.
func (f *follower) walk(at int32, s string) int32 {
	for i := 0; i < len(s) && at != dead; i++ {
		at = f.step(at, s[i])
	}
	return at
}

// trim forgets what is not needed to go on from a state, where much has
// gathered, and returns the state's new number.
func (f *follower) trim(at int32) int32 {
	if at == dead || len(f.states) < keptStates && len(f.frames) < keptFrames {
		return at
	}
	old, keep := f.frames, f.states[at]
	f.clear()
	set := make([]int32, len(keep.frames))
	for i, id := range keep.frames {
		set[i] = f.copy(old, id)
	}
	return f.state(set, keep.end)
}

// copy takes a frame over from an older list, and those it leads to.
func (f *follower) copy(old []frame, id int32) int32 {
	var chain []int32
	for ; id >= 0; id = old[id].parent {
		chain = append(chain, id)
	}
	parent := int32(-1)
	for _, id := range slices.Backward(chain) {
		fr := old[id]
		fr.parent = parent
		parent = f.frame(fr)
	}
	return parent
}
