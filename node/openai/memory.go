package openai

import (
	"io"
	"strconv"
	"sync/atomic"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// memory is what requests and answers that have to be held whole may take
// together, in bytes as they come: each may be large, but not all of them at
// once.
type memory struct{ left atomic.Int64 }

// take books n bytes, or nothing.
func (m *memory) take(n int64) bool {
	if m.left.Add(-n) >= 0 {
		return true
	}
	m.left.Add(n)
	return false
}

// hold is the place of one request and what it has of the memory. It is not
// safe for use by several at once; nil holds without counting.
type hold struct {
	face *Face
	n    int64
}

// grow books n bytes more. Its error is a 503.
func (h *hold) grow(n int64) error {
	if h == nil {
		return nil
	}
	if !h.face.memory.take(n) {
		return oai.Unavailable("requests and answers of " + strconv.FormatInt(h.face.cfg.MaxMemory, 10) + " bytes are being held: try again in a moment")
	}
	h.n += n
	return nil
}

// done gives everything back.
func (h *hold) done() {
	h.face.memory.left.Add(h.n)
	h.n = 0
	<-h.face.slots
}

// errLarge says that more came than may.
type errLarge int64

// Error implements error.
func (e errLarge) Error() string { return "more than " + strconv.FormatInt(int64(e), 10) + " bytes" }

// all reads r to its end. Room is booked as bytes come: a length is a claim.
// Errors: errLarge, those of r and of grow.
func (h *hold) all(r io.Reader, most int64) ([]byte, error) {
	const first = 8 << 10
	var buf []byte
	for {
		if len(buf) == cap(buf) {
			// One byte beyond the limit tells whether there is more.
			size := min(max(2*int64(cap(buf)), first), most+1)
			if err := h.grow(size - int64(cap(buf))); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > most:
			return nil, errLarge(most)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}
