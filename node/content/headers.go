package content

import (
	"sync"

	"infernet.tech/infernet/exec/engine/gguf"
)

// maxHeaders bounds the headers kept; one has a few KiB.
const maxHeaders = 256

// headers remembers what models say of themselves, by CID. The same CID always
// says the same.
type headers struct {
	mu    sync.Mutex
	known map[string]gguf.Header
	order []string
}

func (h *headers) get(cid string) (gguf.Header, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.known[cid]
	return v, ok
}

func (h *headers) put(cid string, v gguf.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[string]gguf.Header{}
	}
	if _, ok := h.known[cid]; !ok {
		h.order = append(h.order, cid)
	}
	h.known[cid] = v
	if len(h.order) > maxHeaders {
		delete(h.known, h.order[0])
		h.order = h.order[1:]
	}
}
