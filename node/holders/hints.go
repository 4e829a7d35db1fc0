package holders

import (
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

const (
	maxHinted = 4096 // refs of which holders are remembered
	maxEach   = 32   // holders of one
	hintFor   = time.Hour
)

// hints remembers who said in public that it holds what. Time is given by the
// caller.
type hints struct {
	mu    sync.Mutex
	known map[string][]hint // latest last
}

type hint struct {
	peer identity.PubKey
	at   time.Time
}

// add remembers a holder. Of one ref the oldest goes when there are too many;
// of the refs any one goes: it is only a help.
func (h *hints) add(ref string, p identity.PubKey, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[string][]hint{}
	}
	list := slices.DeleteFunc(h.known[ref], func(x hint) bool { return x.peer == p })
	if list == nil && len(h.known) >= maxHinted {
		for other := range h.known {
			delete(h.known, other)
			break
		}
	}
	list = append(list, hint{p, now})
	h.known[ref] = list[max(0, len(list)-maxEach):]
}

// drop forgets a holder that turned out to be none.
func (h *hints) drop(ref string, p identity.PubKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.DeleteFunc(h.known[ref], func(x hint) bool { return x.peer == p })
	if len(list) == 0 {
		delete(h.known, ref)
	} else {
		h.known[ref] = list
	}
}

// get returns at most max holders, those of whom was heard last first, and not
// the one who asks.
func (h *hints) get(ref string, max int, asker identity.PubKey, now time.Time) []identity.PubKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []identity.PubKey
	list := h.known[ref]
	for i := len(list) - 1; i >= 0 && len(out) < max; i-- {
		if x := list[i]; x.peer != asker && now.Sub(x.at) < hintFor {
			out = append(out, x.peer)
		}
	}
	return out
}
