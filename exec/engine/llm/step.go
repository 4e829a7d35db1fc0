package main

import "fmt"

const (
	// maxStep is how many tokens of prompts a step takes when no answer waits
	// for its next token, and sharedStep when one does: a long prompt must
	// not hold up those who read. On a large model and a small machine a
	// token of a prompt may take 30 ms. They are fixed, not measured, so that
	// the same requests are computed in the same parts.
	maxStep    = 128
	sharedStep = 32
	// wideStep bounds the positions of a step at which a sequence wants the
	// model's output: each costs memory for the whole vocabulary.
	wideStep = 64
)

// share is what a slot adds to a step.
type share struct {
	slot   *slot
	tokens []int
	first  int   // index in the batch
	wanted []int // positions
}

// step runs the model once. It returns false when there is nothing to do.
func (s *scheduler) step() bool {
	shares := s.gather()
	if len(shares) == 0 {
		return false
	}
	batch := s.engine.batch
	batch.Clear()
	for i := range shares {
		sh := &shares[i]
		sh.first = batch.NumTokens()
		for j, token := range sh.tokens {
			pos := len(sh.slot.cells) + j
			wanted := sh.slot.seq.wants(pos)
			if wanted {
				sh.wanted = append(sh.wanted, pos)
			}
			batch.Add(token, nil, pos, wanted, sh.slot.id)
		}
	}
	if err := s.engine.ctx.Decode(batch); err != nil {
		for _, sh := range shares {
			// What the cache holds now is unknown.
			s.engine.ctx.KvCacheSeqRm(sh.slot.id, -1, -1)
			sh.slot.cells = nil
			s.release(sh.slot, fmt.Errorf("%w: %w", errDecode, err))
		}
		return true
	}
	for _, sh := range shares {
		s.spread(sh)
	}
	return true
}

// gather collects the next tokens of all that can go on: one of each answer
// that is being made, and equal parts of the prompts. Slots come in order of
// their number, because llama.cpp joins neighbours only into one computation.
func (s *scheduler) gather() []share {
	prompts, answers := 0, 0
	for _, sl := range s.slots {
		switch left := s.left(sl); {
		case left == 1:
			answers++
		case left > 1:
			prompts++
		}
	}
	room := min(maxStep, s.engine.batchSize)
	if answers > 0 {
		room = min(sharedStep, room)
	}
	var shares []share
	for _, sl := range s.slots {
		n := s.left(sl)
		if n > 1 {
			n = min(n, max(1, room/prompts))
		}
		if n > 1 && sl.seq.wide {
			n = min(n, wideStep)
		}
		if n > 0 {
			at := len(sl.cells)
			shares = append(shares, share{slot: sl, tokens: sl.seq.tokens[at : at+n]})
		}
	}
	return shares
}

// left is how many tokens a slot has to decode, 0 when it has to wait.
func (s *scheduler) left(sl *slot) int {
	if sl.seq == nil || sl.seq.behind() {
		return 0
	}
	return len(sl.seq.tokens) - len(sl.cells)
}

// spread hands the output to the sequence it is for.
func (s *scheduler) spread(sh share) {
	sl, q := sh.slot, sh.slot.seq
	from := len(sl.cells)
	sl.cells = append(sl.cells, sh.tokens...)
	q.primed = q.primed || len(sl.cells) == len(q.tokens)
	for _, pos := range sh.wanted {
		next, done := q.take(pos, output{s.engine.ctx, sh.first + pos - from})
		if next >= 0 {
			q.tokens = append(q.tokens, next)
		}
		if done {
			s.release(sl, nil)
			return
		}
	}
}
