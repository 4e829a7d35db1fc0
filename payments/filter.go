package payments

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Filter selects entries; a zero field selects all.
type Filter struct {
	Direction Direction
	Peer      identity.PubKey
	State     State
	Open      bool      // only those whose state is open
	Prefix    string    // only refs that begin so, such as "job/"
	Since     time.Time // only those created then or later
	Until     time.Time // only those created before
	Work      bool      // only payments for work, not a rail's own business
	Limit     int       // at most so many
	After     string    // of Page: go on after the page that returned it
}

func (f Filter) match(e Entry) bool {
	return (f.Direction == "" || e.Direction == f.Direction) &&
		(f.Peer.IsZero() || e.Peer == f.Peer) &&
		(f.State == "" || e.State == f.State) &&
		(!f.Open || e.State.Open()) &&
		(f.Since.IsZero() || !e.Created.Before(f.Since)) &&
		(f.Until.IsZero() || e.Created.Before(f.Until)) &&
		(!f.Work || e.Ref.Class() == "")
}
