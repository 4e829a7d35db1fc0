package holders

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Limits of the messages. They are held before memory is taken.
const (
	version     = 1
	maxQuestion = 64 << 10  // bytes
	maxReply    = 256 << 10 // bytes
	maxAsked    = 128       // refs in one question
	maxNames    = 4         // documents in one answer
	maxOthers   = 8         // other holders in one answer
	maxAddrs    = 4         // addresses of one of them
	maxAddr     = 256       // bytes of one address
	maxBytes    = 1 << 53
)

// question is what the asker sends: a frame of JSON.
type question struct {
	V   int     `json:"v"`
	Ask []asked `json:"ask"`
}

// asked is one ref of a question. Seed tells that the asker gives it to
// everybody as soon as it has any of it.
type asked struct {
	Ref  string `json:"ref"`
	Seed bool   `json:"seed,omitempty"`
}

// reply is what comes back: an answer to each ref in the order of the question,
// or Busy and none.
type reply struct {
	V       int             `json:"v"`
	Busy    bool            `json:"busy,omitempty"`
	Answers json.RawMessage `json:"answers,omitempty"`
}

// writeFrame writes a length of four bytes and the message.
func writeFrame(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))), b...))
	return err
}

// readFrame reads one message of at most max bytes. Memory is taken as the
// bytes come.
func readFrame(r io.Reader, max uint32) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > max {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrProtocol, n, max)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(b) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// strict decodes one JSON value and nothing beside it.
func strict(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one value", ErrProtocol)
	}
	return nil
}

// encode writes JSON as wire spells it: signed documents must stay as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// parseQuestion checks what a stranger asks. A ref of a form unknown here stays:
// it has no answer.
func parseQuestion(b []byte) ([]asked, error) {
	var q question
	if err := strict(b, &q); err != nil {
		return nil, err
	}
	if q.V != version || len(q.Ask) == 0 || len(q.Ask) > maxAsked {
		return nil, fmt.Errorf("%w: version %d, %d refs", ErrProtocol, q.V, len(q.Ask))
	}
	for _, a := range q.Ask {
		if a.Ref == "" || len(a.Ref) > maxRef {
			return nil, fmt.Errorf("%w: a ref of %d bytes", ErrProtocol, len(a.Ref))
		}
	}
	return q.Ask, nil
}

// parseReply checks what a stranger answers to a question of n refs. ErrBusy
// when it does not answer now.
func parseReply(b []byte, n int) ([]Answer, error) {
	var r reply
	if err := strict(b, &r); err != nil {
		return nil, err
	}
	if r.V != version {
		return nil, fmt.Errorf("%w: version %d", ErrProtocol, r.V)
	}
	if r.Busy {
		return nil, ErrBusy
	}
	// One by one: a list of a million empty answers is not taken for what it
	// claims to be.
	dec := json.NewDecoder(bytes.NewReader(r.Answers))
	dec.DisallowUnknownFields()
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("%w: no answers", ErrProtocol)
	}
	out := make([]Answer, 0, n)
	for dec.More() {
		var a Answer
		if len(out) == n {
			return nil, fmt.Errorf("%w: more than %d answers", ErrProtocol, n)
		}
		if err := dec.Decode(&a); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		if err := a.check(); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	if len(out) != n {
		return nil, fmt.Errorf("%w: %d answers to %d refs", ErrProtocol, len(out), n)
	}
	return out, nil
}

// check holds an answer to its limits. Signatures were checked when the
// documents were read.
func (a Answer) check() error {
	switch {
	case max(a.Held, a.Size, a.Price) > maxBytes || a.Size > 0 && a.Held > a.Size:
		return fmt.Errorf("%w: numbers out of range", ErrProtocol)
	case len(a.Names) > maxNames || len(a.Others) > maxOthers:
		return fmt.Errorf("%w: %d names, %d others", ErrProtocol, len(a.Names), len(a.Others))
	}
	if a.CID != "" {
		if form, err := FormOf(a.CID); err != nil || form != FormCID {
			return fmt.Errorf("%w: %.80q is no CID", ErrProtocol, a.CID)
		}
	}
	for _, ev := range a.Names {
		if _, err := wire.Decode[wire.ContentName](ev); err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
	}
	for _, o := range a.Others {
		if o.Peer == (identity.PubKey{}) || len(o.Addrs) > maxAddrs {
			return fmt.Errorf("%w: a holder without a key or with %d addresses", ErrProtocol, len(o.Addrs))
		}
		for _, addr := range o.Addrs {
			if len(addr) > maxAddr {
				return fmt.Errorf("%w: an address of %d bytes", ErrProtocol, len(addr))
			}
		}
	}
	return nil
}
