package content

import (
	"sync"

	"infernet.tech/infernet/p2p/identity"
)

// maxGrants bounds the memory that long uptime can take; the oldest grants
// go first, and a restarted attempt grants again.
const maxGrants = 1 << 16

type grantKey struct {
	cid  string
	peer identity.PubKey
}

// grants is who may fetch what. It is rebuilt by the roles after a restart.
type grants struct {
	mu    sync.Mutex
	known map[grantKey]bool
	order []grantKey
}

func (g *grants) add(cid string, peer identity.PubKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := grantKey{cid, peer}
	if cid == "" || g.known[k] {
		return
	}
	if g.known == nil {
		g.known = map[grantKey]bool{}
	}
	if len(g.order) >= maxGrants {
		delete(g.known, g.order[0])
		g.order = g.order[1:]
	}
	g.known[k] = true
	g.order = append(g.order, k)
}

func (g *grants) allows(cid string, peer identity.PubKey) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known[grantKey{cid, peer}]
}
