package wire

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// dated is an event as far as a Guard looks.
func dated(n int, author byte, at time.Time) Event {
	return Event{ID: ID{byte(n), byte(n >> 8), byte(n >> 16)}, PubKey: identity.PubKey{author}, CreatedAt: at.Unix()}
}

func TestGuardTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		age  time.Duration
		want error
	}{
		{0, nil}, {Skew, nil}, {-Skew, nil},
		{Skew + time.Second, ErrStale}, {-Skew - time.Second, ErrFuture},
		{1 << 62, ErrStale},
	}
	g := NewGuard(100)
	for i, tt := range tests {
		if err := g.Check(dated(i, 1, epoch.Add(-tt.age)), epoch); !errors.Is(err, tt.want) {
			t.Errorf("age %s: got %v, want %v", tt.age, err, tt.want)
		}
	}
	e := dated(50, 1, epoch)
	e.Tags = [][]string{{tagExpiration, strconv.FormatInt(epoch.Unix()+5, 10)}}
	if err := g.Check(e, epoch.Add(6*time.Second)); !errors.Is(err, ErrExpired) {
		t.Errorf("past its expiration: %v", err)
	}
	if err := g.Check(e, epoch.Add(5*time.Second)); err != nil {
		t.Errorf("at its expiration: %v", err)
	}
	e.Tags[0][1] = "soon"
	if err := g.Check(e, epoch); !errors.Is(err, ErrInvalid) {
		t.Errorf("expiration that is no time: %v", err)
	}
}

// TestGuardForgets runs ten minutes of documents through a Guard: each is taken
// once, at no moment of its freshness twice, and memory stays at the window.
func TestGuardForgets(t *testing.T) {
	t.Parallel()
	g := NewGuard(10_000)
	for sec := range 600 {
		now := epoch.Add(time.Duration(sec) * time.Second)
		if err := g.Check(dated(sec, 1, now), now); err != nil {
			t.Fatalf("second %d: %v", sec, err)
		}
		for old := max(0, sec-200); old <= sec; old += 7 {
			err := g.Check(dated(old, 1, epoch.Add(time.Duration(old)*time.Second)), now)
			if want := (map[bool]error{true: ErrStale, false: ErrReplay})[sec-old > 120]; !errors.Is(err, want) {
				t.Fatalf("second %d, document %d: got %v, want %v", sec, old, err, want)
			}
		}
		if g.Len() > 121 {
			t.Fatalf("second %d: %d ids remembered", sec, g.Len())
		}
	}
	if len(g.author) != 1 || len(g.queue) != g.Len() {
		t.Errorf("%d authors, %d queued, %d seen", len(g.author), len(g.queue), g.Len())
	}
}

func TestGuardBounded(t *testing.T) {
	t.Parallel()
	g := NewGuard(80)
	taken := 0
	for i := range 1000 {
		if err := g.Check(dated(i, 1, epoch), epoch); err == nil {
			taken++
		} else if !errors.Is(err, ErrGuardFull) {
			t.Fatal(err)
		}
	}
	if taken != 10 {
		t.Errorf("one author filled %d of 80", taken)
	}
	if err := g.Check(dated(2000, 2, epoch), epoch); err != nil {
		t.Errorf("another author was turned away: %v", err)
	}
	for i := range 1000 {
		_ = g.Check(dated(3000+i, byte(i), epoch), epoch)
	}
	if g.Len() != 80 {
		t.Errorf("%d ids remembered, want 80", g.Len())
	}
	later := epoch.Add(Skew + time.Second)
	if err := g.Check(dated(9000, 1, later), later); err != nil || g.Len() != 1 {
		t.Errorf("after the window: %v, %d ids", err, g.Len())
	}
}

// TestGuardConcurrent offers each document from many goroutines.
func TestGuardConcurrent(t *testing.T) {
	t.Parallel()
	g := NewGuard(8000)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				if g.Check(dated(i, 1, epoch), epoch) == nil {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1000 {
		t.Errorf("%d documents taken in, want 1000", taken.Load())
	}
}
