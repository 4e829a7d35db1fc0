package infer

import (
	"sync"
	"time"
)

// purse adds up what was spent in the last hour, by minutes, and what requests
// under way may still cost.
type purse struct {
	mu      sync.Mutex
	minutes [60]uint64
	at      int64  // the latest minute of an entry, since 1970
	held    uint64 // for requests under way
}

// roll drops what is older than an hour. A clock that was set back forgets
// nothing: what lies ahead of it counts as spent now.
func (p *purse) roll(now time.Time) int64 {
	m := now.Unix() / 60
	switch {
	case m <= p.at-60:
		var sum uint64
		for _, one := range p.minutes {
			sum += one
		}
		p.minutes = [60]uint64{}
		p.minutes[m%60] = sum
		p.at = m
	case m-p.at >= 60:
		p.minutes = [60]uint64{}
		p.at = m
	case m > p.at:
		for i := p.at + 1; i <= m; i++ {
			p.minutes[i%60] = 0
		}
		p.at = m
	}
	return m
}

// add enters what was spent, also in a minute that is past.
func (p *purse) add(amount uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.minutes[p.roll(now)%60] += amount
}

// hold reserves amount when all that is spent and held with it is within most;
// 0 is no limit. give must follow.
func (p *purse) hold(amount, most uint64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if most > 0 && p.sum(now)+amount > most {
		return false
	}
	p.held += amount
	return true
}

// give takes a reservation back.
func (p *purse) give(amount uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held -= min(amount, p.held)
}

// spent is what was spent in the last hour, and what is held.
func (p *purse) spent(now time.Time) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum(now)
}

func (p *purse) sum(now time.Time) uint64 {
	p.roll(now)
	sum := p.held
	for _, m := range p.minutes {
		sum += m
	}
	return sum
}
