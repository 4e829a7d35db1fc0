package api

import (
	"context"
	"sync"
	"time"
)

// activity remembers when the API was last used.
type activity struct {
	mu   sync.Mutex
	open int
	last time.Time
}

func (a *activity) touch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
}

func (a *activity) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open++
}

func (a *activity) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open--
	a.last = time.Now()
}

// idle is the time since the last request ended; 0 while one is open.
func (a *activity) idle() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open > 0 {
		return 0
	}
	return time.Since(a.last)
}

// watchIdle stops the node once nobody has asked for anything for a while, no
// answer is being streamed, and no job and no batch is alive. A node that a client verb started ends this way.
func (s *Server) watchIdle(ctx context.Context) error {
	tick := time.NewTicker(max(s.cfg.IdleExit/10, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if s.act.idle() < s.cfg.IdleExit || s.liveFace() || s.liveJobs(ctx) {
			continue
		}
		s.log.Info("nobody needs this node: stopping", "idle", s.cfg.IdleExit)
		return s.b.Node.Stop(ctx)
	}
}

func (s *Server) liveFace() bool { return s.b.Face != nil && s.b.Face.Live() > 0 }

// liveJobs says whether a job has not ended; unsure counts as yes.
func (s *Server) liveJobs(ctx context.Context) bool {
	jobs, err := s.b.Jobs.List(ctx)
	if err != nil {
		return true
	}
	for _, j := range jobs {
		if !j.Terminal() {
			return true
		}
	}
	return false
}
