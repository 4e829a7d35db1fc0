package infer

import (
	"sync"
	"time"
)

// purse adds up what was spent in the last hour, by minutes.
type purse struct {
	mu      sync.Mutex
	minutes [60]uint64
	at      int64 // the minute of the last entry, since 1970
}

func (p *purse) roll(now time.Time) int64 {
	m := now.Unix() / 60
	if m-p.at >= 60 || m < p.at {
		p.minutes = [60]uint64{}
	} else {
		for i := p.at + 1; i <= m; i++ {
			p.minutes[i%60] = 0
		}
	}
	p.at = m
	return m
}

func (p *purse) add(amount uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.minutes[p.roll(now)%60] += amount
}

// spent is the sum of the last hour.
func (p *purse) spent(now time.Time) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roll(now)
	var sum uint64
	for _, m := range p.minutes {
		sum += m
	}
	return sum
}
