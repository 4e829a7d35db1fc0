package account

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// flow is what both ends of a channel keep of it beside the notes: how much was
// made good, and how old the rest is.
type flow struct {
	Root    wire.ID `json:"root,omitzero"`     // chain of the countersigned notes' ids
	Settled uint64  `json:"settled,omitempty"` // of the total; never above it
	Secured uint64  `json:"secured,omitempty"` // captured without a note, good at once
	Marks   []mark  `json:"marks,omitempty"`   // when the unsettled part was noted
	Recent  points  `json:"recent,omitempty"`  // the last notes, for questions that crossed them
}

// mark begins a stretch of time: the first note after it came at At, when the
// total was From.
type mark struct {
	At   int64  `json:"at"` // unix seconds
	From uint64 `json:"from"`
}

// point is where a channel stood after one note.
type point struct {
	Seq   uint64
	Total uint64
	Root  wire.ID
}

// points are kept as base64 of 48 bytes each.
type points []point

const pointSize = 8 + 8 + 32

// MarshalText returns the points' bytes in base64.
func (p points) MarshalText() ([]byte, error) {
	b := make([]byte, 0, len(p)*pointSize)
	for _, x := range p {
		b = binary.BigEndian.AppendUint64(b, x.Seq)
		b = binary.BigEndian.AppendUint64(b, x.Total)
		b = append(b, x.Root[:]...)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText writes.
func (p *points) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(b)%pointSize != 0 {
		return fmt.Errorf("%w: notes of %d bytes", payments.ErrCorrupt, len(text))
	}
	*p = nil
	for ; len(b) > 0; b = b[pointSize:] {
		*p = append(*p, point{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), wire.ID(b[16:pointSize])})
	}
	return nil
}

const (
	// stretch is how exactly the age of a debt is known.
	stretch = 24 * time.Hour
	// maxMarks bounds an account; beyond it old debts count as older.
	maxMarks = 48
	// maxRecent is how many notes a payer may be behind its payee and still be
	// answered about the one it knows.
	maxRecent = 16
)

// noted enters a countersigned note; before is the total without it.
func (f *flow) noted(before uint64, note wire.ID, now time.Time) {
	h := sha256.New()
	h.Write(f.Root[:])
	h.Write(note[:])
	f.Root = wire.ID(h.Sum(nil))
	if n := len(f.Marks); n == 0 || now.Unix()-f.Marks[n-1].At >= int64(stretch/time.Second) {
		f.Marks = append(f.Marks, mark{At: now.Unix(), From: before})
	}
	f.prune(f.Settled)
}

// remember keeps where the channel stands now, for a Settler's questions.
func (f *flow) remember(seq, total uint64) {
	f.Recent = append(f.Recent, point{Seq: seq, Total: total, Root: f.Root})
	if len(f.Recent) > maxRecent {
		f.Recent = slices.Clone(f.Recent[1:])
	}
}

// prune forgets the age of what is settled.
func (f *flow) prune(settled uint64) {
	for len(f.Marks) > 1 && (f.Marks[1].From <= settled || len(f.Marks) > maxMarks) {
		if f.Marks[1].From <= settled {
			f.Marks = slices.Delete(f.Marks, 0, 1)
		} else {
			f.Marks = slices.Delete(f.Marks, 1, 2)
		}
	}
}

// since is when the oldest part of the debt was noted; zero where there is none.
func (f flow) since(total, settled uint64) time.Time {
	if total <= settled {
		return time.Time{}
	}
	at := int64(0)
	for i, m := range f.Marks {
		if i == 0 || m.From <= settled {
			at = m.At
		}
	}
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(at, 0).UTC()
}

// old is how much of the debt was noted before that time, to a stretch and not
// more than is so.
func (f flow) old(total, settled uint64, before time.Time) uint64 {
	sum := uint64(0)
	for i, m := range f.Marks {
		end := total
		if i+1 < len(f.Marks) {
			end = f.Marks[i+1].From
		}
		if time.Unix(m.At, 0).Add(stretch).Before(before) && end > settled {
			sum = end - settled
		}
	}
	return sum
}

// bucket is what was settled with a peer in one stretch of Growth.Over.
type bucket struct {
	At  int64  `json:"at"` // unix seconds at which it begins
	Sum uint64 `json:"sum"`
}

// buckets is into how many parts Growth.Over is cut: what falls out of it does
// so by a part.
const buckets = 30

// grow enters that n more was settled.
func (g *Growth) grow(h []bucket, n uint64, now time.Time) []bucket {
	if g == nil || n == 0 {
		return h
	}
	width := int64(g.Over/time.Second) / buckets
	at := now.Unix() - now.Unix()%width
	h = slices.DeleteFunc(slices.Clone(h), func(b bucket) bool { return b.At <= now.Unix()-width*buckets })
	if last := len(h) - 1; last >= 0 && h[last].At >= at {
		h[last].Sum = min(h[last].Sum+n, payments.MaxValue)
		return h
	}
	return append(h, bucket{At: at, Sum: n})
}

// limit is clamp(Least, PerMille of what was settled over Over, Most).
func (g *Growth) limit(h []bucket, now time.Time) uint64 {
	sum := uint64(0)
	for _, b := range h {
		if b.At > now.Add(-g.Over).Unix() {
			sum = min(sum+b.Sum, payments.MaxValue)
		}
	}
	hi, lo := bits.Mul64(sum, g.PerMille)
	part, _ := bits.Div64(hi, lo, 1000) // hi is below 1000: sum is at most 2^62, PerMille 2,000
	return max(g.Least, min(part, g.Most))
}
