package job

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line of an input, its end included, in bytes.
const MaxLine = 1 << 20

// LineShard reads the lines of one shard of an input. It is valid until the
// function it was given to returns.
type LineShard struct {
	src   *lineSource
	size  uint64
	lines uint64
	bytes uint64
	rest  []byte
	err   error
}

// Lines is how many lines were read so far; after io.EOF, how many the shard has.
func (s *LineShard) Lines() uint64 { return s.lines }

// Bytes is how many bytes were read so far.
func (s *LineShard) Bytes() uint64 { return s.bytes }

// Read implements io.Reader. Each line ends with a newline, the last included.
func (s *LineShard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if s.lines == s.size {
			s.err = io.EOF
			continue
		}
		if s.rest, s.err = s.src.next(); s.err == nil {
			s.lines++
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	s.bytes += uint64(n)
	return n, nil
}

// SplitLines gives the lines of r to emit, size lines a shard, in order. Nothing
// is held but one line: emit reads the shard as it goes, and what it leaves
// unread is skipped. Empty lines are no items and are left out. A line longer
// than MaxLine is ErrLineTooLong with its number. It returns the number of shards;
// an input without a line has none.
func SplitLines(r io.Reader, size uint32, emit func(index int, shard *LineShard) error) (int, error) {
	if size == 0 {
		return 0, errors.New("job: a shard of no lines")
	}
	src := &lineSource{r: bufio.NewReaderSize(r, 64<<10)}
	for index := 0; ; index++ {
		if ok, err := src.more(); !ok {
			return index, err
		}
		if index == MaxShards {
			return index, fmt.Errorf("job: more than %d shards: make split.size larger", MaxShards)
		}
		shard := &LineShard{src: src, size: uint64(size)}
		if err := emit(index, shard); err != nil {
			return index, err
		}
		if _, err := io.Copy(io.Discard, onlyReader{shard}); err != nil {
			return index, err
		}
	}
}

// onlyReader keeps io.Copy from looking for other methods.
type onlyReader struct{ io.Reader }

// lineSource yields non-empty lines.
type lineSource struct {
	r      *bufio.Reader
	number int
	ahead  []byte
	line   []byte
}

// more reports whether there is another line.
func (s *lineSource) more() (bool, error) {
	if s.ahead != nil {
		return true, nil
	}
	line, err := s.read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	s.ahead = line
	return err == nil, err
}

// next returns a line, valid until the next call, or io.EOF.
func (s *lineSource) next() ([]byte, error) {
	if line := s.ahead; line != nil {
		s.ahead = nil
		return line, nil
	}
	return s.read()
}

func (s *lineSource) read() ([]byte, error) {
	for {
		s.number++
		s.line = s.line[:0]
		err := s.fill()
		if len(bytes.TrimSpace(s.line)) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			if s.line[len(s.line)-1] != '\n' {
				s.line = append(s.line, '\n')
			}
			return s.line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// fill reads up to the end of a line, and no further than MaxLine.
func (s *lineSource) fill() error {
	for {
		part, err := s.r.ReadSlice('\n')
		if len(s.line)+len(part) > MaxLine {
			return fmt.Errorf("%w: line %d has more than %d bytes", ErrLineTooLong, s.number, MaxLine)
		}
		s.line = append(s.line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// Concat writes n parts one after the other, with a newline between two where
// the first does not end with one. open gives part i; it is closed after use.
// It returns the bytes written.
func Concat(w io.Writer, n int, open func(i int) (io.ReadCloser, error)) (int64, error) {
	var total int64
	last := byte('\n')
	for i := range n {
		part, err := open(i)
		if err != nil {
			return total, fmt.Errorf("job: part %d: %w", i, err)
		}
		out := &tail{w: w, before: last}
		_, err = io.Copy(out, part)
		total += out.n
		if out.n > 0 {
			last = out.last
		}
		if err = errors.Join(err, part.Close()); err != nil {
			return total, fmt.Errorf("job: part %d: %w", i, err)
		}
	}
	return total, nil
}

// tail passes bytes on and remembers the last; before the first it ends the
// line that was left open.
type tail struct {
	w      io.Writer
	before byte
	last   byte
	n      int64
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if t.n == 0 && t.before != '\n' {
		if _, err := t.w.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		t.n++
	}
	n, err := t.w.Write(p)
	t.n += int64(n)
	if n > 0 {
		t.last = p[n-1]
	}
	return n, err
}
