package mirror

import (
	"io"
	"net/http"
	"time"
)

// slice is what a client must take within one stall.
const slice = 4 << 20

// steady is a response that breaks when its client takes nothing for too long,
// however long the whole takes.
type steady struct {
	http.ResponseWriter
	stall time.Duration
}

// Unwrap is for http.ResponseController.
func (s *steady) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *steady) WriteHeader(status int) {
	s.extend() // the answer may have been long in coming
	s.ResponseWriter.WriteHeader(status)
}

func (s *steady) Write(p []byte) (int, error) {
	s.extend()
	return s.ResponseWriter.Write(p)
}

// ReadFrom keeps the system's own copying from file to socket, slice by slice.
func (s *steady) ReadFrom(r io.Reader) (total int64, err error) {
	lim, ok := r.(*io.LimitedReader)
	if !ok {
		lim = &io.LimitedReader{R: r, N: 1<<63 - 1}
	}
	for lim.N > 0 {
		s.extend()
		n, err := io.CopyN(s.ResponseWriter, lim.R, min(lim.N, slice))
		total += n
		lim.N -= n
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *steady) extend() {
	// A recorder in place of a connection has no deadlines, and needs none.
	_ = http.NewResponseController(s.ResponseWriter).SetWriteDeadline(time.Now().Add(s.stall))
}
