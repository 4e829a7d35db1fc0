package openai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// MaxEvent is a bound for one event that fits every engine: an answer's
// chunk with twenty log-probabilities a token is a few KiB.
const MaxEvent = 1 << 20

// Event is one server-sent event.
type Event struct {
	Raw  []byte // as it came, with the blank line that ends it
	Data []byte // the data lines, joined; empty for a comment
}

// Done says whether the event ends the stream: data: [DONE].
func (e Event) Done() bool { return string(e.Data) == "[DONE]" }

// EventReader reads server-sent events. It is not safe for use by several at
// once.
type EventReader struct {
	r   *bufio.Reader
	max int
	raw []byte
	dat []byte
}

// NewEventReader reads events of at most max bytes each.
func NewEventReader(r io.Reader, max int) *EventReader {
	return &EventReader{r: bufio.NewReaderSize(r, 4096), max: max}
}

// Next is the next event; its bytes are valid until the next call. The end
// is io.EOF, io.ErrUnexpectedEOF within an event; ErrEventTooLong.
func (r *EventReader) Next() (Event, error) {
	r.raw, r.dat = r.raw[:0], r.dat[:0]
	first := true
	for start := 0; ; {
		part, err := r.r.ReadSlice('\n')
		if len(r.raw)+len(part) > r.max {
			return Event{}, ErrEventTooLong
		}
		r.raw = append(r.raw, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			if err == io.EOF && len(r.raw) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return Event{}, err
		}
		line := bytes.TrimRight(r.raw[start:], "\r\n")
		start = len(r.raw)
		if len(line) == 0 {
			return Event{Raw: r.raw, Data: r.dat}, nil
		}
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if !first {
				r.dat = append(r.dat, '\n')
			}
			first = false
			r.dat = append(r.dat, bytes.TrimPrefix(data, []byte(" "))...)
		}
	}
}

// EventWriter writes server-sent events and flushes each. It is not safe for
// use by several at once.
type EventWriter struct {
	w       http.ResponseWriter
	c       *http.ResponseController
	started bool
	buf     bytes.Buffer
}

// NewEventWriter answers on w; the header goes out with the first event.
func NewEventWriter(w http.ResponseWriter) *EventWriter {
	return &EventWriter{w: w, c: http.NewResponseController(w)}
}

// Started says whether anything was sent, so that an error can no longer have
// a status of its own.
func (w *EventWriter) Started() bool { return w.started }

// Event sends v as JSON.
func (w *EventWriter) Event(v any) error {
	w.buf.Reset()
	w.buf.WriteString("data: ")
	e := json.NewEncoder(&w.buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	w.buf.WriteByte('\n')
	return w.Raw(w.buf.Bytes())
}

// Raw sends the bytes of a whole event, as EventReader gave them.
func (w *EventWriter) Raw(event []byte) error {
	if !w.started {
		w.started = true
		h := w.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no")
	}
	if _, err := w.w.Write(event); err != nil {
		return err
	}
	return w.c.Flush()
}

// Done ends the stream.
func (w *EventWriter) Done() error { return w.Raw([]byte("data: [DONE]\n\n")) }

// Fail reports err: with its status when nothing was sent, otherwise as an
// event, after which nothing follows.
func (w *EventWriter) Fail(err error) error {
	if !w.started {
		w.started = true
		WriteError(w.w, err)
		return w.c.Flush()
	}
	return w.Event(AsError(err))
}
