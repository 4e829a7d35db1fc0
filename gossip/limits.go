package gossip

import (
	"math"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// How much is let in. A node passes on no more first documents of authors than
// newcomers lets it, so that a peer which sends more than strangers and sender
// allow cannot have had them from others, and is blamed.
var ( // never changed
	newcomers = rate{0.5, 100}             // documents of unknown authors, from all peers
	share     = rate{0.25, 20}             // of them, from one peer when there is little left
	strangers = rate{0.75, 150}            // of them, from one peer, let in or not
	sender    = rate{1.5, 200}             // documents from one peer, whoever wrote them
	traffic   = rate{128 << 10, 2 << 20}   // bytes of gossip from one peer
	served    = rate{16 << 10, 32 << 20}   // bytes of sync with one peer that asks
	servedAll = rate{512 << 10, 128 << 20} // bytes of sync with all that ask
)

const (
	maxSenders = 1024
	maxAuthors = 32 << 10
	// excessHalf is how fast what a peer sent above its limits is forgiven.
	excessHalf = 10 * time.Minute
	// tooMuch is the excess at which a peer is not listened to any more, outlawed
	// what it is set to then.
	tooMuch  = graylistThreshold / excessScore
	outlawed = 4 * tooMuch
)

// limits keeps who sent how much, in bounded memory. Time is given. Peers are
// named as gossipsub names them: the key is not needed, and costs much to find.
type limits struct {
	mu        sync.Mutex
	peers     map[peer.ID]*account
	newcomers bucket
	servedAll bucket
	authors   map[slot]time.Time // when each author's latest document was passed on
}

// account is one peer's.
type account struct {
	share, strangers, sender, traffic, served bucket

	excess float64
	at     time.Time // of excess
	used   time.Time
}

func newLimits() *limits {
	return &limits{peers: make(map[peer.ID]*account), authors: make(map[slot]time.Time)}
}

// of returns a peer's account; the mutex is held.
func (l *limits) of(p peer.ID, now time.Time) *account {
	a := l.peers[p]
	if a == nil {
		l.makeRoom(now)
		a = &account{at: now}
		l.peers[p] = a
	}
	a.used = now
	return a
}

// makeRoom drops the account that matters least: little excess, long unused.
func (l *limits) makeRoom(now time.Time) {
	if len(l.peers) < maxSenders {
		return
	}
	var worst peer.ID
	least := math.Inf(1)
	for p, a := range l.peers {
		if w := a.over(now)*60 - now.Sub(a.used).Seconds(); w < least {
			worst, least = p, w
		}
	}
	delete(l.peers, worst)
}

// over is the excess that is not yet forgiven.
func (a *account) over(now time.Time) float64 {
	if age := now.Sub(a.at); age > 0 {
		a.excess *= math.Exp2(-float64(age) / float64(excessHalf))
		a.at = now
	}
	return a.excess
}

// exceed notes one thing too many and returns false. Who is no longer listened
// to is left so for a while, and not until the first of it is forgiven.
func (a *account) exceed(now time.Time) bool {
	if a.excess = a.over(now) + 1; a.excess >= tooMuch && a.excess < outlawed {
		a.excess = outlawed
	}
	return false
}

// carry tells whether a peer's gossip of so many bytes is looked at.
func (l *limits) carry(p peer.ID, bytes int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(p, now)
	return a.traffic.take(now, traffic, float64(bytes)) || a.exceed(now)
}

// count tells whether one more document of a peer is looked at, whatever it is.
func (l *limits) count(p peer.ID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(p, now)
	return a.sender.take(now, sender, 1) || a.exceed(now)
}

// admit tells whether a peer's document is worth a look at its signature.
func (l *limits) admit(p peer.ID, author slot, apart time.Duration, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(p, now)
	if last, known := l.authors[author]; known {
		return now.Sub(last) >= apart
	}
	if !a.strangers.take(now, strangers, 1) {
		return a.exceed(now)
	}
	left := l.newcomers.left(now, newcomers)
	if left < 1 || left < newcomers.burst/2 && !a.share.take(now, share, 1) {
		return false
	}
	return l.newcomers.take(now, newcomers, 1)
}

// passed notes that an author's document goes on.
func (l *limits) passed(author slot, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.authors[author]; !known && len(l.authors) >= maxAuthors {
		for old := range l.authors { // any: an author forgotten is a newcomer again
			delete(l.authors, old)
			break
		}
	}
	if l.authors[author].Before(now) {
		l.authors[author] = now
	}
}

// onward tells whether a document that came by sync may be gossiped.
func (l *limits) onward(author slot, apart time.Duration, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, known := l.authors[author]; known && now.Sub(last) < apart {
		return false
	}
	return l.newcomers.take(now, newcomers, 1)
}

// excess is what a peer sent above its limits and is not forgiven.
func (l *limits) excess(p peer.ID, now time.Time) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.peers[p]; a != nil {
		return a.over(now)
	}
	return 0
}

// serve tells whether there are bytes left for a session that a peer asks for.
func (l *limits) serve(p peer.ID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(p, now).served.left(now, served) > 0 && l.servedAll.left(now, servedAll) > 0
}

// charge books what a session took.
func (l *limits) charge(p peer.ID, bytes uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(p, now)
	a.served.left(now, served)
	a.served.spent += float64(bytes)
	l.servedAll.left(now, servedAll)
	l.servedAll.spent += float64(bytes)
}
