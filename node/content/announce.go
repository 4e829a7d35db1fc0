package content

import (
	"context"
	"time"
)

const (
	// settle collects a burst of changes into one announcement.
	settle = time.Second
	// lookAgain is how often what was announced is held against what is here:
	// content goes when room is needed.
	lookAgain = 10 * time.Minute
)

// touch tells that other things are shared than before.
func (l *Library) touch() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Run keeps the network told of what everybody may have, until ctx ends.
func (l *Library) Run(ctx context.Context) error {
	if l.net.Announce == nil {
		<-ctx.Done()
		return nil
	}
	wait := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.changed:
			wait = settle
			continue
		case <-time.After(wait):
		}
		refs, err := l.Announced()
		if err == nil {
			err = l.net.Announce(refs)
		}
		if err != nil {
			l.log.Warn("content not announced", "err", err)
		}
		wait = lookAgain
	}
}

// maxAnnounced bounds what one node announces; what was shared last goes first.
const maxAnnounced = 8192

// Announced lists what the network is told: the roots that everybody may have
// and that are here.
func (l *Library) Announced() ([]string, error) {
	all, err := l.AllShared()
	if err != nil {
		return nil, err
	}
	var refs []string
	for i := len(all) - 1; i >= 0 && len(refs) < maxAnnounced; i-- {
		if l.Has(all[i].CID) {
			refs = append(refs, all[i].CID)
		}
	}
	return refs, nil
}
