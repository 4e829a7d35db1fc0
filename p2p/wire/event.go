package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"infernet.tech/infernet/p2p/identity"
)

// Event is a NIP-01 event: the envelope of every signed document. ID is the
// hash of all other fields but Sig, and Sig signs ID. Values that come from
// Parse, ReadEvent and Seal are within the limits and verified, and of those from
// ReadAnswer all but a Progress; one made by hand is neither until Verify says so.
type Event struct {
	ID        ID
	PubKey    identity.PubKey // the author
	CreatedAt int64           // unix seconds
	Kind      Kind
	Tags      [][]string // each has a name and values
	Content   string
	Sig       [64]byte // BIP-340
}

// Tag returns the first value of the first tag of that name, and whether there
// is such a tag.
func (e Event) Tag(name string) (string, bool) {
	for _, t := range e.Tags {
		if len(t) > 1 && t[0] == name {
			return t[1], true
		}
	}
	return "", false
}

// Verify returns nil when ID is the hash of the event and Sig the author's
// signature of it; both are always checked, for either alone proves nothing.
// Errors are ErrTooBig, ErrInvalid, ErrBadID and ErrBadSignature.
func (e Event) Verify() error {
	if err := e.checkLimits(); err != nil {
		return err
	}
	if e.hash() != e.ID {
		return ErrBadID
	}
	if !identity.Verify(e.PubKey, e.ID, e.Sig) {
		return ErrBadSignature
	}
	return nil
}

// Bytes returns the event as NIP-01 JSON, without spaces and with the fields
// in NIP-01's order. It is what travels and what is kept.
func (e Event) Bytes() []byte {
	b := make([]byte, 0, e.sizeHint())
	b = append(b, `{"id":"`...)
	b = hex.AppendEncode(b, e.ID[:])
	b = append(b, `","pubkey":"`...)
	b = hex.AppendEncode(b, e.PubKey[:])
	b = append(b, `","created_at":`...)
	b = strconv.AppendInt(b, e.CreatedAt, 10)
	b = append(b, `,"kind":`...)
	b = strconv.AppendInt(b, int64(e.Kind), 10)
	b = append(b, `,"tags":`...)
	b = appendTags(b, e.Tags)
	b = append(b, `,"content":`...)
	b = appendString(b, e.Content)
	b = append(b, `,"sig":"`...)
	b = hex.AppendEncode(b, e.Sig[:])
	return append(b, `"}`...)
}

// MarshalJSON returns Bytes.
func (e Event) MarshalJSON() ([]byte, error) { return e.Bytes(), nil }

// UnmarshalJSON reads what Parse reads, and verifies as it does.
func (e *Event) UnmarshalJSON(raw []byte) error {
	v, err := Parse(raw)
	if err != nil {
		return err
	}
	*e = v
	return nil
}

// hash is the id by NIP-01: SHA-256 of [0,pubkey,created_at,kind,tags,content].
func (e Event) hash() ID {
	b := make([]byte, 0, e.sizeHint())
	b = append(b, `[0,"`...)
	b = hex.AppendEncode(b, e.PubKey[:])
	b = append(b, `",`...)
	b = strconv.AppendInt(b, e.CreatedAt, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(e.Kind), 10)
	b = append(b, ',')
	b = appendTags(b, e.Tags)
	b = append(b, ',')
	b = appendString(b, e.Content)
	return sha256.Sum256(append(b, ']'))
}

func (e *Event) sign(k *identity.Key) error {
	if err := e.checkLimits(); err != nil {
		return err
	}
	e.ID = e.hash()
	var err error
	e.Sig, err = k.Sign(e.ID)
	return err
}

// checkLimits holds what is made here and what comes in to the same limits.
func (e Event) checkLimits() error {
	if len(e.Tags) > MaxTags {
		return fmt.Errorf("%w: %d tags, at most %d", ErrTooBig, len(e.Tags), MaxTags)
	}
	if e.CreatedAt < 0 || e.CreatedAt > maxUnix || e.Kind < 0 || e.Kind > maxKind {
		return fmt.Errorf("%w: date or kind out of range", ErrInvalid)
	}
	total := fixedSize + textSize(e.Content)
	ok := isText(e.Content)
	for _, t := range e.Tags {
		if len(t) == 0 {
			return fmt.Errorf("%w: empty tag", ErrInvalid)
		}
		if len(t) > MaxTagValues {
			return fmt.Errorf("%w: a tag has %d values, at most %d", ErrTooBig, len(t), MaxTagValues)
		}
		for _, s := range t {
			if len(s) > MaxTagBytes {
				return fmt.Errorf("%w: a tag's value has %d bytes, at most %d", ErrTooBig, len(s), MaxTagBytes)
			}
			ok = ok && isText(s)
			total += textSize(s) + 1
		}
		total += 3
	}
	if total > MaxEvent {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, total, MaxEvent)
	}
	if !ok {
		return fmt.Errorf("%w: text that NIP-01 has no one spelling of", ErrInvalid)
	}
	return nil
}

func (e Event) sizeHint() int {
	n := fixedSize + len(e.Content)
	for _, t := range e.Tags {
		for _, s := range t {
			n += len(s) + 4
		}
	}
	return n + n/16
}
