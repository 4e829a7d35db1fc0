package dht

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// settle collects a burst of joins or changes into one announcement.
	settle = 250 * time.Millisecond
	// maxGap bounds the growing pause between announcements for joins.
	maxGap = time.Minute
	// smallNetwork is the size up to which a new member is likely to be among
	// the closest to a key, so that records must be given to it: twice the
	// table's bucket.
	smallNetwork = 40
)

// schedule says when to announce next. It has no clock and no randomness of its
// own.
type schedule struct {
	at   time.Time     // next announcement; zero: none
	last time.Time     // latest announcement
	gap  time.Duration // least pause before one that is only for a join
}

func (s *schedule) sooner(t time.Time) {
	if s.at.IsZero() || t.Before(s.at) {
		s.at = t
	}
}

// changed is told when the keys are other ones.
func (s *schedule) changed(now time.Time) {
	s.gap = 0
	s.sooner(now.Add(settle))
}

// joined is told when a member appeared in a table of that size.
func (s *schedule) joined(now time.Time, size int) {
	if size > smallNetwork {
		return
	}
	t := now.Add(settle)
	if next := s.last.Add(s.gap); next.After(t) {
		t = next
	}
	s.sooner(t)
}

// done is told how an announcement went; r is random in [0,1).
func (s *schedule) done(now time.Time, err error, r float64) {
	s.last = now
	if err != nil {
		s.gap = min(max(2*s.gap, settle), maxGap)
		s.at = now.Add(s.gap)
		return
	}
	s.gap = min(max(2*s.gap, 2*settle), maxGap)
	s.at = now.Add(republish + time.Duration((2*r-1)*float64(republishJitter)))
}

// watchJoins tells of peers that turned out to be members of the table.
func watchJoins(ctx context.Context, lp host.Host, proto protocol.ID, joined ...chan<- struct{}) error {
	sub, err := lp.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerProtocolsUpdated),
	})
	if err != nil {
		return fmt.Errorf("watching for members: %w", err)
	}
	defer func() { _ = sub.Close() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-sub.Out():
			if !ok {
				return nil
			}
			var protos []protocol.ID
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				protos = e.Protocols
			case event.EvtPeerProtocolsUpdated:
				protos = e.Added
			}
			if !slices.Contains(protos, proto) {
				continue
			}
			for _, c := range joined {
				select {
				case c <- struct{}{}:
				default:
				}
			}
		}
	}
}

// keepAnnounced announces the keys whenever the schedule says so.
func (d *DHT) keepAnnounced(ctx context.Context, table *kad.IpfsDHT, joined <-chan struct{}) {
	var s schedule
	s.changed(time.Now())
	for {
		timer := time.NewTimer(time.Until(s.at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-d.changed:
			s.changed(time.Now())
		case <-joined:
			s.joined(time.Now(), table.RoutingTable().Size())
		case <-timer.C:
			err := d.Provide(ctx, d.announced())
			if err != nil && ctx.Err() == nil {
				d.log.Debug("not announced yet", "err", err)
			}
			s.done(time.Now(), err, rand.Float64())
		}
		timer.Stop()
	}
}
