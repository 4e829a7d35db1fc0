package aggregator

import "infernet.tech/infernet/p2p/identity"

// Apart returns what tells a peer apart from others as it is connected now: two
// that share one of these keys are not independent.
func (d *Driver) Apart(p identity.PubKey) []string { return d.apart(p) }
