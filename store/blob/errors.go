package blob

import (
	"errors"
	"fmt"
)

var (
	// ErrCID says that a CID is malformed or not of the profile: CIDv1,
	// sha2-256, codec raw or dag-pb.
	ErrCID = errors.New("blob: not a CID of this profile")
	// ErrNotHave says that the content is not here, whole and verified.
	ErrNotHave = errors.New("blob: content not here")
	// ErrNoSource says that every source was tried and none gave the content;
	// the errors of the sources are wrapped beside it.
	ErrNoSource = errors.New("blob: no source has the content")
	// ErrBadBlock says that a source sent bytes that do not hash to the CID
	// asked for, or of another length. Inside a SourceError, but for a CAR file.
	ErrBadBlock = errors.New("blob: block does not match its CID")
	// ErrProtocol says that a peer broke the framing of the stream.
	ErrProtocol = errors.New("blob: malformed stream")
	// ErrRefused says that the serving side's policy refused the root.
	ErrRefused = errors.New("blob: peer refuses to serve this")
	// ErrStalled says that a source delivered nothing for Config.IdleTimeout.
	ErrStalled = errors.New("blob: source stalled")
	// ErrCut says that the stream to a source ended or failed in the middle.
	ErrCut = errors.New("blob: stream cut")
	// ErrTooBig says that the content is larger than the caller's limits.
	ErrTooBig = errors.New("blob: content exceeds the limits")
	// ErrDAG says that a verified block is no node of a file or folder of the
	// accepted shape. The content itself is bad, whoever sends it.
	ErrDAG = errors.New("blob: malformed content graph")
	// ErrProfile says that content is sound but made by other rules than those
	// of this store (leaves that are not raw, links, modes and times, another
	// hash); it is an ErrDAG too.
	ErrProfile error = profileError{}
	// ErrCAR says that a CAR file is malformed or lacks blocks of its roots.
	ErrCAR = errors.New("blob: malformed or incomplete CAR file")
	// ErrName says that a directory entry has a name that is not accepted.
	ErrName = errors.New("blob: unacceptable file name")
	// ErrFileType says that a path is neither a regular file nor a folder.
	ErrFileType = errors.New("blob: neither a regular file nor a folder")
	// ErrIsDir says that a file was needed and the CID names a folder.
	ErrIsDir = errors.New("blob: content is a folder")
	// ErrChanged says that a file referenced in place is gone or no longer
	// has the size and time it had when it was added.
	ErrChanged = errors.New("blob: referenced file has changed")
	// ErrCorrupt says that bytes of the store no longer match their CID.
	ErrCorrupt = errors.New("blob: stored bytes do not match their CID")
	// ErrInUse says that the content is open, held, or part of a folder here.
	ErrInUse = errors.New("blob: content is in use")
	// ErrNoSpace says that the disk or the user's quota is full.
	ErrNoSpace = errors.New("blob: no space left on device")
	// ErrQuota says that Config.Quota leaves no room and nothing more can be
	// removed. It is an ErrNoSpace.
	ErrQuota error = quotaError{}
)

// profileError lets ErrProfile be an ErrDAG without its words.
type profileError struct{}

func (profileError) Error() string { return "blob: content is not of the profile unixfs-v1-2025" }
func (profileError) Unwrap() error { return ErrDAG }

// quotaError lets ErrQuota be an ErrNoSpace without its words: the disk may have
// room.
type quotaError struct{}

func (quotaError) Error() string { return "blob: the store's quota is full" }
func (quotaError) Unwrap() error { return ErrNoSpace }

// SourceError tells which source failed and how.
type SourceError struct {
	Source string // Source.Name
	Err    error
}

// Error implements error.
func (e *SourceError) Error() string { return fmt.Sprintf("source %s: %v", e.Source, e.Err) }

// Unwrap returns Err.
func (e *SourceError) Unwrap() error { return e.Err }
