package delivery

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds where there is a rate: of what may be sent in one moment, and of a
// piece, so that who sends large ones does not keep others waiting.
const (
	leastBurst = 16 << 10
	mostBurst  = 16 << 20
	mostPiece  = 256 << 10
)

// pace holds bytes to a rate; nil is no rate.
type pace struct{ l *rate.Limiter }

func newPace(perSecond uint64) *pace {
	if perSecond == 0 {
		return nil
	}
	// A quarter of a second: timers may be late by a part of that.
	burst := min(max(perSecond/4, leastBurst), mostBurst)
	return &pace{rate.NewLimiter(rate.Limit(perSecond), int(burst))}
}

// piece is the most of n bytes that wait takes at once.
func (p *pace) piece(n int) int {
	if p == nil {
		return n
	}
	return min(n, p.l.Burst(), mostPiece)
}

// wait returns when n bytes, at most a piece, may be sent, or false when done
// or end is closed first.
func (p *pace) wait(n int, done, end <-chan struct{}) bool {
	if p == nil || n == 0 {
		return true
	}
	now := time.Now()
	r := p.l.ReserveN(now, n)
	d := r.DelayFrom(now)
	if d == 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
	case <-end:
	}
	r.Cancel() // others need not wait for what is not sent
	return false
}

// day counts what strangers were given on one day.
type day struct {
	mu    sync.Mutex
	at    int64 // days since 1970, UTC
	used  uint64
	dirty bool
}

// dayRecord is what is stored of a day.
type dayRecord struct {
	Day  int64  `json:"day"`
	Used uint64 `json:"used"`
}

// today turns to the day of now. The mutex is held. A clock that was set back
// by less than a day does not begin the day anew.
func (d *day) today(now time.Time) {
	if at := now.Unix() / (24 * 3600); at > d.at || at < d.at-1 {
		d.at, d.used, d.dirty = at, 0, true
	}
}

// take books up to n bytes; 0 means that most are used already. most 0 is no
// limit.
func (d *day) take(n int, most uint64, now time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.today(now)
	if most > 0 {
		n = int(min(uint64(n), most-min(most, d.used)))
	}
	d.used += uint64(n)
	d.dirty = d.dirty || n > 0
	return n
}

// give takes back what was booked and not sent.
func (d *day) give(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used -= min(d.used, uint64(n))
}

// left tells what is used, and whether anything is left of most.
func (d *day) left(most uint64, now time.Time) (used uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.today(now)
	return d.used, most == 0 || d.used < most
}
