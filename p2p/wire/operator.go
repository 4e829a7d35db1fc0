package wire

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Limits of an OperatorBinding.
const (
	MaxNodes = 32
	// maxBinding is the most bytes of a binding's document inside an offer.
	maxBinding = 4 << 10
)

// OperatorBinding says which nodes are run by its author, the operator. It is
// replaceable (NIP-01): the newest of an author holds. A node shows it in its
// ProviderOffer. It takes both signatures: nobody claims another's node, and no
// node hides behind an operator who does not know it.
type OperatorBinding struct {
	Nodes   []identity.PubKey
	Expires int64 // unix seconds
}

// Kind returns KindOperatorBinding.
func (OperatorBinding) Kind() Kind { return KindOperatorBinding }

func (m OperatorBinding) write(c codec) { m.walk(c) }

func (m *OperatorBinding) walk(c codec) {
	c.pubs("nodes", &m.Nodes)
	c.i64(tagExpiration, &m.Expires)
}

// Validate checks every field against its limit.
func (m OperatorBinding) Validate() error {
	var c checks
	c.that(len(m.Nodes) > 0, "nodes", "is empty")
	unique(&c, "nodes", m.Nodes, MaxNodes)
	c.unix("expires", m.Expires)
	return c.err()
}

// ParseBinding reads the document of an OperatorBinding and returns it with
// its author. Errors are ErrInvalid.
func ParseBinding(raw string) (OperatorBinding, identity.PubKey, error) {
	if len(raw) > maxBinding {
		return OperatorBinding{}, identity.PubKey{}, fmt.Errorf("%w: operator's binding has %d bytes, at most %d", ErrInvalid, len(raw), maxBinding)
	}
	e, err := Parse([]byte(raw))
	if err != nil {
		return OperatorBinding{}, identity.PubKey{}, fmt.Errorf("%w: operator's binding: %w", ErrInvalid, err)
	}
	m, err := Decode[OperatorBinding](e)
	if err != nil {
		return OperatorBinding{}, identity.PubKey{}, fmt.Errorf("%w: operator's binding: %w", ErrInvalid, err)
	}
	return m, e.PubKey, nil
}

// OperatedBy returns the operator of the offer's author, and false when the
// offer names none or the binding has expired. The offer is one from Decode.
func (m ProviderOffer) OperatedBy(now time.Time) (identity.PubKey, bool) {
	if m.Operator == "" {
		return identity.PubKey{}, false
	}
	b, operator, err := ParseBinding(m.Operator)
	return operator, err == nil && now.Unix() <= b.Expires
}

// operator checks the binding in an offer.
func (c *checks) operator(raw string) {
	if raw == "" {
		return
	}
	_, _, err := ParseBinding(raw)
	c.that(err == nil && !strings.ContainsAny(raw, "\n\r\t"), "operator", "is not the document of a binding")
}

// checkAuthor wants the binding to name the node that shows it.
func (m ProviderOffer) checkAuthor(author identity.PubKey) error {
	if m.Operator == "" {
		return nil
	}
	b, _, err := ParseBinding(m.Operator)
	if err != nil {
		return err
	}
	var c checks
	c.that(slices.Contains(b.Nodes, author), "operator", "binds other nodes than the offer's author")
	return c.err()
}
