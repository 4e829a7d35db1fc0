package gossip

import "errors"

var (
	// ErrConfig: the configuration has a value that cannot be used.
	ErrConfig = errors.New("gossip: bad configuration")
	// ErrNotRunning: Run has not begun, or has ended.
	ErrNotRunning = errors.New("gossip: not running")
	// ErrIgnore is wrapped by what Set.Add returns for a document that is not
	// wanted (old, early, no room) although nobody did anything wrong.
	ErrIgnore = errors.New("gossip: document not wanted")
	// ErrDocument: a document that is not one of those that are gossiped, or that
	// is over the limits.
	ErrDocument = errors.New("gossip: not a document to gossip")
	// ErrProtocol: the peer broke the rules of a sync session.
	ErrProtocol = errors.New("gossip: sync protocol broken")
	// ErrBusy: the peer serves no session now.
	ErrBusy = errors.New("gossip: peer has no time for a session")
)
