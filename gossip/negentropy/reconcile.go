package negentropy

import "fmt"

const (
	// buckets is into how many ranges one that differs is parted; a range of fewer
	// than twice as many items is told item by item.
	buckets = 16
	// MinLimit is the least limit of a message: one range parted, with room to
	// say that there is more.
	MinLimit = 4 << 10
	// tail is kept free for what ends a message at its limit.
	tail = 200
)

// Difference is what one message showed: ids that only this side has, and ids
// that only the other has.
type Difference struct {
	Have, Need [][32]byte
}

// Start makes the first message of a reconciliation about all items.
func (v *Vector) Start() []byte {
	w := newWriter()
	v.split(w, 0, len(v.items), endless)
	return w.buf
}

// Answer is the side that is asked: it returns the answer to a message, of at
// most limit bytes (at least MinLimit). A message of another version is
// answered by this version's number alone.
func (v *Vector) Answer(msg []byte, limit int) ([]byte, error) {
	if len(msg) > 0 && msg[0] != version && msg[0]>>4 == version>>4 {
		return []byte{version}, nil
	}
	return v.reconcile(msg, limit, nil)
}

// Next is the side that began: from an answer it learns of differences and makes
// the next message, which is nil when all is known. The other side decides how
// many rounds there are, and may name an id again: the caller bounds them.
func (v *Vector) Next(answer []byte, limit int) ([]byte, Difference, error) {
	var d Difference
	out, err := v.reconcile(answer, limit, &d)
	if err != nil || len(out) == 1 {
		out = nil
	}
	return out, d, err
}

// round is the work on one message.
type round struct {
	v       *Vector
	limit   int
	learn   *Difference // nil on the side that is asked
	w       *writer
	skipped *bound // ranges that need no word, not yet written
}

func (v *Vector) reconcile(msg []byte, limit int, learn *Difference) ([]byte, error) {
	if len(msg) == 0 || msg[0] != version {
		return nil, fmt.Errorf("%w: not version 1", ErrMessage)
	}
	r := &reader{buf: msg[1:]}
	c := &round{v: v, limit: max(limit, MinLimit), learn: learn, w: newWriter()}
	lower, prev := 0, bound{}
	for len(r.buf) > 0 {
		b, err := r.bound()
		if err != nil {
			return nil, err
		}
		if b.before(prev) {
			return nil, fmt.Errorf("%w: ranges go backwards", ErrMessage)
		}
		upper := v.find(lower, b)
		full, err := c.answer(r, lower, upper, b)
		if err != nil || full {
			return c.w.buf, err
		}
		lower, prev = upper, b
	}
	return c.w.buf, nil
}

// answer reads one range and writes what is to be said of it. full tells that
// the message is at its limit, and ended.
func (c *round) answer(r *reader, lower, upper int, b bound) (full bool, err error) {
	mode, err := r.varint()
	if err != nil {
		return false, err
	}
	switch mode {
	case modeSkip:
		c.skipped = &b
	case modeFingerprint:
		theirs, err := r.take(fingerprintLen)
		if err != nil {
			return false, err
		}
		if c.v.fingerprint(lower, upper) == [fingerprintLen]byte(theirs) {
			c.skipped = &b
			break
		}
		if len(c.w.buf) > c.limit-tail-c.v.splitSize(lower, upper) {
			c.rest(lower)
			return true, nil
		}
		c.flush()
		c.v.split(c.w, lower, upper, b)
	case modeIDs:
		ids, err := r.ids()
		if err != nil {
			return false, err
		}
		if c.learn != nil {
			c.learn.compare(c.v.items[lower:upper], ids)
			c.skipped = &b
			break
		}
		return c.list(lower, upper, b), nil
	default:
		return false, fmt.Errorf("%w: mode %d", ErrMessage, mode)
	}
	return false, nil
}

// list answers a list of ids by this side's own, as many as fit.
func (c *round) list(lower, upper int, b bound) (full bool) {
	room := max(c.limit-tail-len(c.w.buf), 0) / 32
	if upper-lower <= room {
		c.flush()
		c.w.ids(b, c.v.items[lower:upper])
		return false
	}
	if room == 0 {
		c.rest(lower)
		return true
	}
	c.flush()
	c.w.ids(at(c.v.items[lower+room]), c.v.items[lower:lower+room])
	c.rest(lower + room)
	return true
}

// flush writes the ranges passed over, before one that is not.
func (c *round) flush() {
	if c.skipped != nil {
		c.w.skip(*c.skipped)
		c.skipped = nil
	}
}

// rest ends the message: what comes from here on is told by one fingerprint, to
// be gone into by the next message.
func (c *round) rest(lower int) {
	c.flush()
	c.w.fingerprint(endless, c.v.fingerprint(lower, len(c.v.items)))
}

// splitSize is the most that split writes.
func (v *Vector) splitSize(lower, upper int) int {
	if n := upper - lower; n < 2*buckets {
		return 60 + 32*n
	}
	return buckets * (11 + 33 + 1 + fingerprintLen)
}

// split tells of a range that differs: item by item, or by fingerprints of its
// parts.
func (v *Vector) split(w *writer, lower, upper int, b bound) {
	n := upper - lower
	if n < 2*buckets {
		w.ids(b, v.items[lower:upper])
		return
	}
	for i := range buckets {
		next := lower + n/buckets
		if i < n%buckets {
			next++
		}
		end := b
		if next < upper {
			end = between(v.items[next-1], v.items[next])
		}
		w.fingerprint(end, v.fingerprint(lower, next))
		lower = next
	}
}

// compare adds the difference of a range.
func (d *Difference) compare(ours []Item, theirs [][32]byte) {
	left := make(map[[32]byte]struct{}, len(theirs))
	for _, id := range theirs {
		left[id] = struct{}{}
	}
	for _, it := range ours {
		if _, both := left[it.ID]; both {
			delete(left, it.ID)
		} else {
			d.Have = append(d.Have, it.ID)
		}
	}
	for _, id := range theirs { // in their order: the same messages, the same result
		if _, ok := left[id]; ok {
			delete(left, id)
			d.Need = append(d.Need, id)
		}
	}
}
