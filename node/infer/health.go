package infer

import (
	"math"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Failures count half after failureHalf; a peer with restAt of them is asked
// only when nobody else is left.
const (
	failureHalf = time.Minute
	restAt      = 3
	maxHealth   = 4096 // peers remembered
)

// health remembers which peers failed lately and how busy we keep each.
type health struct {
	mu    sync.Mutex
	peers map[identity.PubKey]*vital
}

type vital struct {
	failures float64
	at       time.Time
	active   int
}

func (v *vital) now(t time.Time) float64 {
	return v.failures * math.Exp2(-float64(t.Sub(v.at))/float64(failureHalf))
}

func (h *health) of(p identity.PubKey) *vital {
	if h.peers == nil {
		h.peers = make(map[identity.PubKey]*vital)
	}
	v := h.peers[p]
	if v == nil {
		if len(h.peers) >= maxHealth {
			for old, o := range h.peers { // any that nothing runs on
				if o.active == 0 {
					delete(h.peers, old)
					break
				}
			}
		}
		v = &vital{}
		h.peers[p] = v
	}
	return v
}

// failed adds a failure of that weight.
func (h *health) failed(p identity.PubKey, weight float64, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.of(p)
	v.failures, v.at = math.Min(v.now(t)+weight, 100), t
}

// worked halves what is remembered against a peer.
func (h *health) worked(p identity.PubKey, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v := h.peers[p]; v != nil && v.failures > 0 {
		v.failures, v.at = v.now(t)/2, t
	}
}

// busy adds n to the requests that a peer answers for us.
func (h *health) busy(p identity.PubKey, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of(p).active += n
}

// see returns the decayed failures and the active requests of a peer.
func (h *health) see(p identity.PubKey, t time.Time) (failures float64, active int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v := h.peers[p]; v != nil {
		return v.now(t), v.active
	}
	return 0, 0
}
