package gossip

import "time"

// rate is how much comes back to a bucket each second, and how much it holds.
type rate struct{ second, burst float64 }

// bucket is a token bucket; the zero value is full.
type bucket struct {
	spent float64
	at    time.Time
}

// left returns what there is, after what came back since.
func (b *bucket) left(now time.Time, r rate) float64 {
	if age := now.Sub(b.at).Seconds(); age > 0 {
		b.spent = max(b.spent-age*r.second, 0)
		b.at = now
	}
	return r.burst - b.spent
}

// take takes n if there is as much.
func (b *bucket) take(now time.Time, r rate, n float64) bool {
	if b.left(now, r) < n {
		return false
	}
	b.spent += n
	return true
}
