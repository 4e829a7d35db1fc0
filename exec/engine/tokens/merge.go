package tokens

// word is room for merging one word, used again for the next.
type word struct {
	pieces []int32
	ranks  []merge // of each piece with the next
	links  []part
	queue  heap[ranked]
}

// short is up to which length a look at all pairs is cheaper than a queue.
const short = 48

// merge returns the pieces of a word.
func (w *word) merge(m *bpe, text string) []int32 {
	w.pieces = w.pieces[:0]
	for i := range len(text) {
		w.pieces = append(w.pieces, m.single[text[i]])
	}
	if len(w.pieces) > short {
		return w.mergeLong(m)
	}
	w.ranks = w.ranks[:0]
	for i := range len(w.pieces) {
		w.ranks = append(w.ranks, w.rank(m, i))
	}
	for {
		best := -1
		for i, r := range w.ranks {
			if r.rank >= 0 && (best < 0 || r.rank < w.ranks[best].rank) {
				best = i
			}
		}
		if best < 0 {
			return w.pieces
		}
		w.pieces[best] = w.ranks[best].piece
		w.pieces = append(w.pieces[:best+1], w.pieces[best+2:]...)
		w.ranks = append(w.ranks[:best+1], w.ranks[best+2:]...)
		w.ranks[best] = w.rank(m, best)
		if best > 0 {
			w.ranks[best-1] = w.rank(m, best-1)
		}
	}
}

// rank is what the piece at i makes with the next one.
func (w *word) rank(m *bpe, i int) merge {
	if i+1 >= len(w.pieces) {
		return merge{rank: -1}
	}
	if r, ok := m.merges[pairKey(w.pieces[i], w.pieces[i+1])]; ok {
		return r
	}
	return merge{rank: -1}
}

// ranked is a merge that may be done; it is stale when one of the two pieces
// has become another.
type ranked struct {
	merge
	left, right int
	was         uint64 // the pair of pieces that it is for
}

func (r ranked) Before(q ranked) bool {
	return r.rank < q.rank || r.rank == q.rank && r.left < q.left
}

// mergeLong does the same with a queue: a word may be as long as the text.
func (w *word) mergeLong(m *bpe) []int32 {
	n := len(w.pieces)
	w.links, w.queue = w.links[:0], w.queue[:0]
	for i := range n {
		w.links = append(w.links, part{prev: i - 1, next: i + 1})
	}
	w.links[n-1].next = -1
	try := func(left, right int) {
		if left < 0 || right < 0 {
			return
		}
		key := pairKey(w.pieces[left], w.pieces[right])
		if r, ok := m.merges[key]; ok {
			w.queue.push(ranked{r, left, right, key})
		}
	}
	for i := 1; i < n; i++ {
		try(i-1, i)
	}
	for len(w.queue) > 0 {
		r := w.queue.pop()
		if w.pieces[r.left] < 0 || w.pieces[r.right] < 0 || pairKey(w.pieces[r.left], w.pieces[r.right]) != r.was {
			continue
		}
		w.pieces[r.left], w.pieces[r.right] = r.piece, -1
		next := w.links[r.right].next
		w.links[r.left].next = next
		if next >= 0 {
			w.links[next].prev = r.left
		}
		try(w.links[r.left].prev, r.left)
		try(r.left, next)
	}
	kept := w.pieces[:0]
	for _, p := range w.pieces {
		if p >= 0 {
			kept = append(kept, p)
		}
	}
	return kept
}
