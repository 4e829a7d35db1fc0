package sha

import "encoding/binary"

const chunk = 64 // bytes that one step takes of a message

// atOnce is how many steps are taken without a chance for the scheduler and the
// collector: some tenths of a millisecond.
const atOnce = 512

// steps is how many chunks the message has, its padding included.
func steps(b []byte) int { return (len(b) + 1 + 8 + chunk - 1) / chunk }

// group is messages that go through a unit together.
type group struct {
	state [8][most]uint32 // each word of all messages
	lanes [most]lane
	used  int
}

// lane is one message: its whole chunks where they lie, then its last bytes
// with the padding of FIPS 180-4, section 5.1.1.
type lane struct {
	rest []byte // whole chunks, not yet hashed
	tail []byte // what follows: of pad
	pad  [2 * chunk]byte
}

// put adds a message; lanes are filled in order.
func (g *group) put(i int, b []byte) {
	l := &g.lanes[i]
	whole := len(b) / chunk * chunk
	l.rest = b[:whole]
	n := copy(l.pad[:], b[whole:])
	l.pad[n] = 0x80
	end := (steps(b) - whole/chunk) * chunk
	binary.BigEndian.PutUint64(l.pad[end-8:], uint64(len(b))*8)
	l.tail = l.pad[:end]
	g.used = i + 1
}

// run hashes until every message is done.
func (g *group) run(compress func(state *[8][most]uint32, in *[most]*byte, n int)) {
	for i, word := range initial {
		for lane := range g.used {
			g.state[i][lane] = word
		}
	}
	var done [most][8]uint32
	for left := g.used; left > 0; {
		var in [most]*byte
		n, some := atOnce, 0
		for i := range g.used {
			l := &g.lanes[i]
			if len(l.rest) == 0 {
				l.rest, l.tail = l.tail, nil
			}
			if len(l.rest) > 0 {
				in[i], some = &l.rest[0], i
				n = min(n, len(l.rest)/chunk)
			}
		}
		// An idle lane goes over the bytes of another, and nobody looks.
		for i := range in {
			if in[i] == nil {
				in[i] = in[some]
			}
		}
		compress(&g.state, &in, n)
		for i := range g.used {
			l := &g.lanes[i]
			if len(l.rest) == 0 {
				continue
			}
			if l.rest = l.rest[n*chunk:]; len(l.rest) == 0 && len(l.tail) == 0 {
				left--
				for word := range done[i] {
					done[i][word] = g.state[word][i]
				}
			}
		}
	}
	for i := range g.used {
		for word := range done[i] {
			g.state[word][i] = done[i][word]
		}
	}
}

// sum is the state of one lane, in the order of bytes that FIPS 180-4 asks for.
func (g *group) sum(lane int) (out [32]byte) {
	for i := range g.state {
		binary.BigEndian.PutUint32(out[4*i:], g.state[i][lane])
	}
	return out
}
