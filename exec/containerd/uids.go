//go:build linux

package containerd

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
)

// The ranges of host ids lie where systemd's documentation leaves them unused
// by distributions and by itself: 0x70000000 to 0x7fffffff.
const (
	firstID  = 0x70000000
	idRanges = 0x10000000 / idRange
)

// idPool hands out ranges of user ids, each to one container at a time, so
// that a program which left its container would own nothing of another's.
type idPool struct {
	mu   sync.Mutex
	used map[uint32]bool
	next uint32
}

// newIDPool starts at a place that follows from the instance, so that several
// nodes of one machine rarely meet.
func newIDPool(instance string) *idPool {
	raw, err := hex.DecodeString(instance)
	if err != nil || len(raw) < 4 {
		raw = make([]byte, 4)
	}
	return &idPool{used: map[uint32]bool{}, next: binary.BigEndian.Uint32(raw) % idRanges}
}

// take returns the first host id of a free range.
func (p *idPool) take() (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range idRanges {
		slot := p.next
		p.next = (p.next + 1) % idRanges
		if !p.used[slot] {
			p.used[slot] = true
			return firstID + slot*idRange, nil
		}
	}
	return 0, errors.New("exec/containerd: all ranges of user ids are in use")
}

func (p *idPool) give(base uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, (base-firstID)/idRange)
}
