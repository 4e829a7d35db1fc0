package wire

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

const (
	// version is the value of the tag v of every document.
	version = "1"
	// TTL is how long an ephemeral document holds unless it says otherwise.
	TTL = 120 * time.Second
	// nonceLen is the bytes in the tag n of ephemeral documents; with it two
	// documents that say the same in the same second have different ids.
	nonceLen = 16
)

// Message is the content of a document; each kind is one Go type of this
// package, and only they are messages. Both the type and its pointer are.
type Message interface {
	// Kind returns the kind of document the message travels in.
	Kind() Kind
	// Validate returns nil or errors that are ErrInvalid, one for each field
	// that is missing, malformed or over its limit.
	Validate() error

	write(codec)
}

// Seal makes the signed document of a message, dated now. It fails with
// ErrInvalid as Validate does, or for a message that expired before now, and
// with ErrTooBig.
func Seal(k *identity.Key, m Message, now time.Time) (Event, error) {
	var nonce [nonceLen]byte
	rand.Read(nonce[:])
	return seal(k, m, now, nonce)
}

func seal(k *identity.Key, m Message, now time.Time, nonce [nonceLen]byte) (Event, error) {
	e, err := compose(k.PubKey(), m, now, nonce)
	if err != nil {
		return Event{}, err
	}
	if err := e.sign(k); err != nil {
		return Event{}, fmt.Errorf("seal %s: %w", m.Kind(), err)
	}
	return e, nil
}

// Say makes a document of Progress without id and signature, which are zero: for
// its author's own stream alone, where ReadAnswer takes it. Its errors are Seal's.
func Say(author identity.PubKey, m Progress, now time.Time) (Event, error) {
	var nonce [nonceLen]byte
	rand.Read(nonce[:])
	e, err := compose(author, m, now, nonce)
	if err == nil {
		err = e.checkLimits()
	}
	return e, err
}

// compose makes the document of a message but for its id and signature.
func compose(author identity.PubKey, m Message, now time.Time, nonce [nonceLen]byte) (Event, error) {
	if err := m.Validate(); err != nil {
		return Event{}, fmt.Errorf("seal %s: %w", m.Kind(), err)
	}
	if err := byAuthor(m, author); err != nil {
		return Event{}, fmt.Errorf("seal %s: %w", m.Kind(), err)
	}
	c := codec{tape: &tape{write: true}}
	v := version
	c.str("v", &v)
	m.write(c)
	if m.Kind().Ephemeral() {
		if !hasTag(c.tags, tagExpiration) {
			c.put(tagExpiration, false, strconv.FormatInt(now.Add(TTL).Unix(), 10))
		}
		c.put(tagNonce, false, hex.EncodeToString(nonce[:]))
		c.write = false // read back: a message's own expiration may be past
		c.checkEphemeral(now.Unix())
	}
	if c.err != nil {
		return Event{}, fmt.Errorf("seal %s: %w", m.Kind(), c.err)
	}
	return Event{PubKey: author, CreatedAt: now.Unix(), Kind: m.Kind(), Tags: c.tags, Content: c.content}, nil
}

// Decode returns the message in a document. The document must be of the kind
// of T and of version 1 and the message must be valid: ErrKind, ErrVersion,
// ErrInvalid. The caller already knows that the signature is good, as all that
// Parse and ReadEvent return is, and asks a Guard about time.
func Decode[T any, PT interface {
	*T
	Message
	walk(codec)
}](e Event) (T, error) {
	var m T
	p := PT(&m)
	if e.Kind != p.Kind() {
		return *new(T), fmt.Errorf("%w: %s, want %s", ErrKind, e.Kind, p.Kind())
	}
	if err := decode(e, p.walk); err != nil {
		return *new(T), fmt.Errorf("decode %s: %w", e.Kind, err)
	}
	if err := p.Validate(); err != nil {
		return *new(T), fmt.Errorf("decode %s: %w", e.Kind, err)
	}
	if err := byAuthor(p, e.PubKey); err != nil {
		return *new(T), fmt.Errorf("decode %s: %w", e.Kind, err)
	}
	return m, nil
}

// byAuthor checks what a message says of its own author.
func byAuthor(m Message, author identity.PubKey) error {
	if a, ok := m.(interface{ checkAuthor(identity.PubKey) error }); ok {
		return a.checkAuthor(author)
	}
	return nil
}

func decode(e Event, walk func(codec)) error {
	if err := e.checkLimits(); err != nil {
		return err
	}
	c := codec{tape: &tape{tags: e.Tags, content: e.Content}}
	var v string
	if c.str("v", &v); c.err == nil && v != version {
		return ErrVersion
	}
	walk(c)
	if e.Kind.Ephemeral() {
		c.checkEphemeral(e.CreatedAt)
	}
	if !c.contentUsed && e.Content != "" {
		c.fail("content", "must be empty")
	}
	return c.err
}

// checkEphemeral checks the tags that are Seal's and not the message's.
func (c codec) checkEphemeral(created int64) {
	var nonce string
	var until int64
	c.str(tagNonce, &nonce)
	c.i64(tagExpiration, &until)
	var raw [nonceLen]byte
	if c.err == nil && parseHex(raw[:], nonce) != nil {
		c.fail(tagNonce, "not %d bytes of hex", nonceLen)
	}
	if until < created {
		c.fail(tagExpiration, "is before the document's date")
	}
}

func hasTag(tags [][]string, name string) bool {
	for _, t := range tags {
		if t[0] == name {
			return true
		}
	}
	return false
}
