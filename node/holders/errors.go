package holders

import "errors"

var (
	// ErrRef says that a text is no CID, digest or name that could be asked for.
	ErrRef = errors.New("holders: neither a CID nor a digest nor an author's name")
	// ErrProtocol says that a peer broke the form of question or answer.
	ErrProtocol = errors.New("holders: malformed message")
	// ErrBusy says that a peer was asked more often than it answers.
	ErrBusy = errors.New("holders: peer was asked too often")
)
