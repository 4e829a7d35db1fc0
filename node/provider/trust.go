package provider

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/reputation"
)

// Trust tells how a client stands with this node; *reputation.Book does.
type Trust interface {
	Standing(now time.Time, peer identity.PubKey, app reputation.App, class string) (reputation.Standing, error)
}
