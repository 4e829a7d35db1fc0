package gossip

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func author(n int) (s slot) {
	binary.BigEndian.PutUint64(s[:], uint64(n)+1)
	return s
}

// What a node lets in of others' documents, and so passes on, never makes a
// neighbour blame it, however many peers flood it with new keys.
func TestNobodyIsBlamedForOthers(t *testing.T) {
	t.Parallel()
	here, next := newLimits(), newLimits()
	now := time.Unix(1_700_000_000, 0)
	passed, n := 0, 0
	for range 3600 {
		now = now.Add(time.Second)
		for flood := range 50 {
			for range 5 {
				n++
				if here.admit(peer.ID(rune(flood)), author(n), time.Hour, now) {
					here.passed(author(n), now)
					passed++
					next.count("us", now)
					next.admit("us", author(n), time.Hour, now)
					if next.excess("us", now) > 0 {
						t.Fatalf("blamed for document %d", passed)
					}
				}
			}
		}
	}
	if most := int(newcomers.burst + 3600*newcomers.second); passed > most || passed < most-2 {
		t.Errorf("%d newcomers in an hour, want %d", passed, most)
	}
}

func TestOneSenderTakesItsShare(t *testing.T) {
	t.Parallel()
	l, now := newLimits(), time.Unix(1_700_000_000, 0)
	got := 0
	for n := range 1000 {
		if l.admit("greedy", author(n), time.Hour, now) {
			got++
		}
	}
	if want := int(newcomers.burst/2+share.burst) + 1; got != want || !l.admit("modest", author(5000), time.Hour, now) {
		t.Errorf("one sender got %d newcomers in", got)
	}
	l.passed(author(0), now)
	if l.admit("modest", author(0), time.Hour, now.Add(59*time.Minute)) || !l.admit("modest", author(0), time.Hour, now.Add(time.Hour)) {
		t.Error("an author's next document comes an hour later")
	}
}

func TestExcessIsForgivenSlowly(t *testing.T) {
	t.Parallel()
	l, now := newLimits(), time.Unix(1_700_000_000, 0)
	counted := 0
	for l.excess("p", now)*excessScore > graylistThreshold {
		l.count("p", now)
		counted++
	}
	if counted != int(sender.burst)+tooMuch {
		t.Errorf("not listened to after %d documents", counted)
	}
	if at := now.Add(2*excessHalf - time.Second); l.excess("p", at)*excessScore > graylistThreshold {
		t.Error("listened to again too early")
	}
	if at := now.Add(2*excessHalf + time.Second); l.excess("p", at)*excessScore < graylistThreshold {
		t.Error("never forgiven")
	}
	if l.carry("q", int(traffic.burst)+1, now) || l.excess("q", now) != 1 {
		t.Error("more bytes than the burst are carried")
	}
}

func TestServedBytesComeBack(t *testing.T) {
	t.Parallel()
	l, now := newLimits(), time.Unix(1_700_000_000, 0)
	sessions := 0
	for ; l.serve("p", now); sessions++ {
		l.charge("p", MaxSession, now)
	}
	if want := int(served.burst) / MaxSession; sessions != want {
		t.Errorf("%d full sessions in a row, want %d", sessions, want)
	}
	if !l.serve("q", now) || !l.serve("p", now.Add(3*time.Minute)) {
		t.Error("nothing comes back, or another pays")
	}
	for n := range 100 {
		l.charge(peer.ID(rune(n)), MaxSession, now)
	}
	if l.serve("fresh", now) {
		t.Error("many peers get more than all may")
	}
}

// Memory for peers and authors has bounds, and who misbehaved is not washed out
// by new keys.
func TestLimitsAreBounded(t *testing.T) {
	t.Parallel()
	l, now := newLimits(), time.Unix(1_700_000_000, 0)
	for range 1000 {
		l.count("bad", now)
	}
	var name [8]byte
	for n := range 2 * maxAuthors {
		l.passed(author(n), now)
		if n < 2*maxSenders {
			now = now.Add(time.Second / 10)
			binary.BigEndian.PutUint64(name[:], uint64(n))
			l.count(peer.ID(name[:]), now)
		}
	}
	if len(l.peers) > maxSenders || len(l.authors) > maxAuthors {
		t.Errorf("%d peers and %d authors are kept", len(l.peers), len(l.authors))
	}
	if l.peers["bad"] == nil {
		t.Error("new keys washed a bad peer out")
	}
}
