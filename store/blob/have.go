package blob

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

// Span is a half-open range of payload bytes, From <= x < To.
type Span struct{ From, To uint64 }

// Have tells which payload bytes of a file are here, verified, and its size:
// all of a whole one, what an unfinished Fetch has so far of another. Of a
// folder that is not whole it tells no spans and no size. Errors: ErrNotHave
// for nothing at all, ErrCID.
func (s *Store) Have(c string) (spans []Span, size uint64, whole bool, err error) {
	id, err := parseCID(c)
	if err != nil {
		return nil, 0, false, err
	}
	if s.usable(id) {
		r, err := s.record(id)
		if err != nil {
			return nil, 0, false, err
		}
		return []Span{{0, r.Size}}, r.Size, true, nil
	}
	h, err := s.heldPart(id)
	if err != nil {
		return nil, 0, false, err
	}
	return h.spans, h.size, false, nil
}

// held is what is here of content that is not whole.
type held struct {
	spans []Span // of a file, ascending
	size  uint64 // of a file
}

// covers tells whether the bytes from <= x < to are all here.
func (h *held) covers(from, to uint64) bool {
	i, found := slices.BinarySearchFunc(h.spans, from, func(s Span, x uint64) int {
		switch {
		case s.To <= x:
			return -1
		case s.From > x:
			return 1
		}
		return 0
	})
	return from == to || (found && to <= h.spans[i].To)
}

// heldPart finds out what is here of unfinished content: from the fetch that
// is at work on it, or from the journal of an earlier one, which promises only
// what is verified. Errors: ErrNotHave.
func (s *Store) heldPart(c cid.Cid) (*held, error) {
	s.mu.Lock()
	p := s.parts[c]
	s.mu.Unlock()
	if p != nil {
		return p.held(), nil
	}
	r, err := s.record(c)
	switch {
	case err == nil && r.Dir: // it has just become whole
		return &held{}, nil
	case err == nil && r.Size > 0 && s.usable(c):
		return &held{spans: []Span{{0, r.Size}}, size: r.Size}, nil
	case err == nil, isRaw(c): // what has changed on the disk will not come back
		return nil, fmt.Errorf("%w: %s", ErrNotHave, c)
	}
	block, err := s.node(c, c)
	if err != nil {
		return nil, err
	}
	n, err := decodeNode(block)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return &held{}, nil
	}
	h := &held{size: n.size}
	j, err := getJSON[partial](s.index, key(partialPrefix, c))
	if err == nil {
		h.spans = j.bytes(n.size)
	} else if !errors.Is(err, ErrNotHave) {
		return nil, err
	}
	return h, nil
}

// appendMap encodes at most maxSpans spans, of more the longest.
func appendMap(b []byte, spans []Span) []byte {
	spans = longest(spans, maxSpans)
	b = binary.AppendUvarint(b, uint64(len(spans)))
	at := uint64(0)
	for _, s := range spans {
		b = binary.AppendUvarint(b, s.From-at)
		b = binary.AppendUvarint(b, s.To-s.From)
		at = s.To
	}
	return b
}

// longest leaves out the shortest spans until n are left.
func longest(spans []Span, n int) []Span {
	if len(spans) <= n {
		return spans
	}
	lengths := make([]uint64, len(spans))
	for i, s := range spans {
		lengths[i] = s.To - s.From
	}
	slices.Sort(lengths)
	least := lengths[len(lengths)-n]
	out := make([]Span, 0, n)
	for _, s := range spans {
		if s.To-s.From >= least && len(out) < n {
			out = append(out, s)
		}
	}
	return out
}

// readMap reads what appendMap wrote. The spans are ascending, none is empty
// and none touches the next; they may be past the end of the file.
func readMap(r *bufio.Reader) ([]Span, error) {
	n, err := readNumber(r)
	if err != nil {
		return nil, err
	}
	if n > maxSpans {
		return nil, fmt.Errorf("%w: map of %d spans", ErrProtocol, n)
	}
	spans := make([]Span, 0, min(n, 64))
	at := uint64(0)
	for i := range n {
		gap, err := readNumber(r)
		if err != nil {
			return nil, err
		}
		length, err := readNumber(r)
		if err != nil {
			return nil, err
		}
		from := at + gap
		to := from + length
		if from < at || to <= from || to > wholeRange || (gap == 0 && i > 0) {
			return nil, fmt.Errorf("%w: bad span in a map", ErrProtocol)
		}
		spans = append(spans, Span{from, to})
		at = to
	}
	return spans, nil
}
