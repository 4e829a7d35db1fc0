package wire

import "errors"

var (
	// ErrTooBig says that a document or a part of it is over its limit.
	ErrTooBig = errors.New("document is over its size limit")
	// ErrSyntax says that bytes are not the strict NIP-01 JSON of an event.
	ErrSyntax = errors.New("not a NIP-01 event")
	// ErrFrame says that a stream's length prefix is malformed.
	ErrFrame = errors.New("malformed frame length")
	// ErrBadID says that an event's id is not the hash of its content.
	ErrBadID = errors.New("event id does not match its content")
	// ErrBadSignature says that an event is not signed by its author.
	ErrBadSignature = errors.New("event signature is wrong")
	// ErrKind says that a document is of another kind than asked for.
	ErrKind = errors.New("unexpected document kind")
	// ErrVersion says that a document is of a version not spoken here.
	ErrVersion = errors.New("unknown document version")
	// ErrInvalid says that a field is missing, malformed or out of range.
	ErrInvalid = errors.New("invalid document")
	// ErrStale says that a document was signed too long ago.
	ErrStale = errors.New("document is too old")
	// ErrFuture says that a document is dated ahead of our clock.
	ErrFuture = errors.New("document is dated in the future")
	// ErrExpired says that a document is past its own expiration.
	ErrExpired = errors.New("document has expired")
	// ErrReplay says that a document was already taken in.
	ErrReplay = errors.New("document was seen before")
	// ErrGuardFull says that too many documents came within the freshness
	// window, in all or from this author, to remember one more.
	ErrGuardFull = errors.New("too many documents in a short time")
	// ErrCommitMismatch says that a reveal does not open the commit it names.
	ErrCommitMismatch = errors.New("reveal does not match the commit")
	// ErrCountersign says that a countersignature is not one by the party
	// expected over the document it stands beside.
	ErrCountersign = errors.New("countersignature is wrong")
)
