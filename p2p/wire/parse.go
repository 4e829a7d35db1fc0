package wire

import (
	"fmt"
)

// Parse reads one event from its NIP-01 JSON and verifies it. The bytes must
// be that object and nothing more: all seven fields once each in any order, hex
// in lower case and of the right length, numbers as plain integers, at most
// MaxEvent bytes. Errors are ErrTooBig, ErrSyntax, ErrInvalid, ErrBadID and
// ErrBadSignature.
func Parse(raw []byte) (Event, error) {
	if len(raw) > MaxEvent {
		return Event{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, len(raw), MaxEvent)
	}
	p := parser{buf: raw}
	e, err := p.event()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

// event reads and verifies one event.
func (p *parser) event() (Event, error) {
	e, err := p.unverified()
	if err == nil {
		err = e.Verify()
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

func (p *parser) unverified() (Event, error) {
	var e Event
	seen := 0
	err := p.object(func(name string) error {
		seen++
		return p.field(&e, name)
	})
	// Names are known and do not repeat, so that seven are all of them.
	if err == nil && seen != 7 {
		err = p.fail("missing field")
	}
	return e, err
}

func (p *parser) field(e *Event, name string) (err error) {
	switch name {
	case "id":
		return p.hex(e.ID[:])
	case "pubkey":
		return p.hex(e.PubKey[:])
	case "created_at":
		e.CreatedAt, err = p.integer(maxUnix)
	case "kind":
		var k int64
		k, err = p.integer(maxKind)
		e.Kind = Kind(k)
	case "tags":
		e.Tags, err = p.tags()
	case "content":
		e.Content, err = p.text(MaxEvent)
	case "sig":
		return p.hex(e.Sig[:])
	default:
		return p.fail("unknown field %.32q", name)
	}
	return err
}

// tags gives up at the first tag or value too many, so that what it takes is
// bounded by the limits and not by the bytes.
func (p *parser) tags() ([][]string, error) {
	tags := [][]string{}
	err := p.list(func() error {
		if len(tags) == MaxTags {
			return fmt.Errorf("%w: more than %d tags", ErrTooBig, MaxTags)
		}
		var tag []string
		err := p.list(func() error {
			if len(tag) == MaxTagValues {
				return fmt.Errorf("%w: more than %d values in a tag", ErrTooBig, MaxTagValues)
			}
			s, err := p.text(MaxTagBytes)
			tag = append(tag, s)
			return err
		})
		tags = append(tags, tag)
		return err
	})
	return tags, err
}
