package wire

import (
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// The parties that countersign.
const (
	RoleProvider = "provider"
	RolePayee    = "payee"
	RoleClient   = "client"
)

// Countersign is a second party's signature over a document. Being a document
// itself it needs no other format and can be checked with any NOSTR tool.
type Countersign struct {
	Of   ID     // id of the document
	Role string // one of the Role constants
	// Lines is how many payments its author takes in one CreditNote: 2 to
	// MaxLines, or none for one. It is said beside the countersignature of a note.
	Lines uint32
}

// Kind returns KindCountersign.
func (Countersign) Kind() Kind { return KindCountersign }

func (m Countersign) write(c codec) { m.walk(c) }

func (m *Countersign) walk(c codec) {
	c.id("e", &m.Of)
	c.str("role", &m.Role)
	c.opt().u32("lines", &m.Lines)
}

// Validate checks every field.
func (m Countersign) Validate() error {
	var c checks
	c.id("of", m.Of)
	c.oneOf("role", m.Role, RoleProvider, RolePayee, RoleClient)
	c.that(m.Lines == 0 || m.Lines > 1, "lines", "is one")
	c.max("lines", uint64(m.Lines), MaxLines)
	return c.err()
}

// Countersigned is a document with the other party's Countersign beside it. As
// JSON it is {"doc":…,"countersignature":…}.
type Countersigned struct {
	Doc Event `json:"doc"`
	By  Event `json:"countersignature"`
}

// SignBeside countersigns a document that the caller has read and agrees to.
func SignBeside(k *identity.Key, doc Event, role string, now time.Time) (Countersigned, error) {
	by, err := Seal(k, Countersign{Of: doc.ID, Role: role}, now)
	return Countersigned{Doc: doc, By: by}, err
}

// Verify returns nil when both documents are whole and signed, and the second
// is the Countersign of the first by the party expected, who is not its author.
// It does not judge what the document says. Errors are ErrBadID,
// ErrBadSignature or ErrCountersign.
func (d Countersigned) Verify(expect identity.PubKey) error {
	if err := d.Doc.Verify(); err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if err := d.By.Verify(); err != nil {
		return fmt.Errorf("countersignature: %w", err)
	}
	return d.Fits(expect)
}

// Fits is Verify of two documents that are known to be whole and signed, as Parse
// and ReadEvent make sure of. The error is ErrCountersign.
func (d Countersigned) Fits(expect identity.PubKey) error {
	m, err := Decode[Countersign](d.By)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCountersign, err)
	case m.Of != d.Doc.ID:
		return fmt.Errorf("%w: it is of another document", ErrCountersign)
	case d.By.PubKey != expect:
		return fmt.Errorf("%w: it is by %s", ErrCountersign, d.By.PubKey.Short())
	case d.By.PubKey == d.Doc.PubKey:
		return fmt.Errorf("%w: it is by the document's own author", ErrCountersign)
	}
	return nil
}

// Bytes returns the JSON, each event in it exactly as Event.Bytes.
func (d Countersigned) Bytes() []byte { return JoinCountersigned(d.Doc.Bytes(), d.By.Bytes()) }

// JoinCountersigned is Countersigned.Bytes of two events kept as Event.Bytes
// returned them.
func JoinCountersigned(doc, by []byte) []byte {
	b := make([]byte, 0, len(doc)+len(by)+32)
	b = append(append(b, `{"doc":`...), doc...)
	b = append(append(b, `,"countersignature":`...), by...)
	return append(b, '}')
}

// ParseCountersigned reads the JSON of a Countersigned as strictly as Parse
// reads an event: both events are checked. Who countersigned is for Verify.
func ParseCountersigned(raw []byte) (Countersigned, error) {
	var d Countersigned
	if len(raw) > 2*MaxEvent {
		return d, fmt.Errorf("%w: %d bytes", ErrTooBig, len(raw))
	}
	p := parser{buf: raw}
	seen := 0
	err := p.object(func(name string) error {
		var err error
		switch name {
		case "doc":
			seen |= 1
			d.Doc, err = p.event()
		case "countersignature":
			seen |= 2
			d.By, err = p.event()
		default:
			return p.fail("unknown field %.32q", name)
		}
		return err
	})
	if err == nil {
		err = p.end()
	}
	if err == nil && seen != 3 {
		err = p.fail("missing field")
	}
	if err != nil {
		return Countersigned{}, err
	}
	return d, nil
}
