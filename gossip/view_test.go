package gossip_test

import (
	"testing"
	"time"

	"infernet.tech/infernet/gossip"
)

// BenchmarkIdleSession is what a session between equal sets of 20,000 costs both
// sides, the looks at the sets included.
func BenchmarkIdleSession(b *testing.B) {
	all := digests(b, 0, 20_000, time.Now(), 500)
	x, y := newPart(b, 0, all...), newPart(b, 1)
	y.set.Take(x.set)
	b.ReportAllocs()
	for b.Loop() {
		x.Forget()
		y.Forget()
		sync(b, x, y, gossip.MaxSession)
	}
}
