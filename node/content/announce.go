package content

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/store"
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
	for {
		if err := l.announce(); err != nil {
			l.log.Warn("content not announced", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookAgain):
			continue
		case <-l.changed:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settle):
		}
	}
}

func (l *Library) announce() error {
	select {
	case <-l.changed: // up to here it is seen
	default:
	}
	if err := l.forgetGone(time.Now()); err != nil {
		return err
	}
	refs, err := l.Announced()
	if err != nil {
		return err
	}
	return l.net.Announce(refs)
}

// sharedFor is how long it is remembered that everybody may have what is not
// here, or not any more.
const sharedFor = 30 * 24 * time.Hour

// forgetGone forgets what was shared and is gone: room was made of it, and what
// strangers had this node fetch must not add up for ever.
func (l *Library) forgetGone(now time.Time) error {
	all, err := l.AllShared()
	if err != nil {
		return err
	}
	var gone [][]byte
	for _, s := range all {
		if now.Sub(s.At) > sharedFor && !l.Has(s.CID) && len(gone) < maxAnnounced {
			gone = append(gone, shareKey(s.CID))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return l.names.Update(func(tx store.Txn) error {
		for _, k := range gone {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// maxAnnounced bounds what one node announces; what was shared first gives way.
const maxAnnounced = 8192

// Announced lists what the network is told, as refs of holders: the CIDs that
// everybody may have and that are here, the images they are the layouts of and
// the names that stand for them.
func (l *Library) Announced() ([]string, error) {
	all, err := l.AllShared()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Shared) int { return b.At.Compare(a.At) })
	here := map[string]bool{}
	var refs []string
	for _, s := range all {
		if len(refs) < maxAnnounced && l.Has(s.CID) {
			here[s.CID] = true
			refs = append(refs, s.CID)
		}
	}
	err = l.names.View(func(r store.Reader) error {
		return errors.Join(
			r.Scan([]byte("digest/"), func(k, _ []byte) error {
				digest, cid, _ := strings.Cut(string(k[len("digest/"):]), "/")
				if here[cid] {
					refs = append(refs, digest)
				}
				return nil
			}),
			r.Scan([]byte("signed/"), func(k, v []byte) error {
				n, gone, err := parseSigned(v, string(k[len("signed/"):]))
				if err == nil && !gone && here[n.CID] {
					refs = append(refs, string(k[len("signed/"):]))
				}
				return nil
			}))
	})
	slices.Sort(refs[len(here):])
	refs = append(refs[:len(here)], slices.Compact(refs[len(here):])...)
	return refs[:min(len(refs), maxAnnounced)], err
}
