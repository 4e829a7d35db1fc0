package content

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p/identity"
)

const (
	// reachTime bounds a question to the network, betterTime how long an answer
	// is held against others after the first.
	reachTime  = 10 * time.Second
	betterTime = 1500 * time.Millisecond
	// maxCandidates bounds what a digest may stand for.
	maxCandidates = 8
)

// ResolveName finds what an author means by a name on a shelf: that author and
// all who may know are asked, and the newest document that he signed holds. An
// image without a tag has the tag latest. Errors: ErrNoName.
func (l *Library) ResolveName(ctx context.Context, author identity.PubKey, kind Kind, name string) (Named, error) {
	ref := holders.NameRef(author, string(kind), nameTag(kind, name))
	if _, err := holders.FormOf(ref); err != nil {
		return Named{}, fmt.Errorf("%w: %w", ErrNoName, err)
	}
	best, err := l.signedName(ref)
	known := err == nil
	if err != nil && !errors.Is(err, ErrNoName) {
		return best, err
	}
	if l.net.Key != nil && author == l.net.Key.PubKey() || l.net.Holders == nil {
		return best, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	q := holders.Query{Ref: ref, Ask: []identity.PubKey{author}, Anyone: true, Once: true}
	l.net.Holders.Find(ctx, q, func(peer identity.PubKey, a holders.Answer) bool {
		for _, ev := range a.Names {
			n, err := checkNamed(ev, ref, time.Now())
			if err != nil {
				l.log.Debug("name refused", "from", peer.Short(), "err", err)
				continue
			}
			if !known || newer(n.Event, best.Event) {
				best, known = n, true
			}
			if a.Public {
				if _, err := l.learn(n); err != nil {
					l.log.Warn("name not kept", "err", err)
				}
			}
			time.AfterFunc(betterTime, cancel) // after ctx it does nothing
		}
		return peer != author || len(a.Names) == 0 // nobody knows better than he
	})
	if !known {
		return best, fmt.Errorf("%w: %s/%s", ErrUntold, author.Short(), name)
	}
	return best, nil
}

// ResolveDigest finds the blobs that are said to hold the image of a digest:
// those that most peers have first. Who fetches one must look that it does.
// Errors: ErrNoName.
func (l *Library) ResolveDigest(ctx context.Context, digest string) ([]string, error) {
	if form, err := holders.FormOf(digest); err != nil || form != holders.FormDigest {
		return nil, fmt.Errorf("%w: %.80q is no digest", ErrNoName, digest)
	}
	var here []string
	for _, cid := range l.layoutsOf(digest, maxCandidates) {
		if l.Has(cid) {
			here = append(here, cid)
		}
	}
	if len(here) > 0 || l.net.Holders == nil {
		return here, noCandidate(here, digest)
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	votes := map[string]int{}
	l.net.Holders.Find(ctx, holders.Query{Ref: digest, Anyone: true, Once: true}, func(_ identity.PubKey, a holders.Answer) bool {
		if a.CID == "" || votes[a.CID] == 0 && len(votes) >= maxCandidates {
			return true
		}
		votes[a.CID]++
		time.AfterFunc(betterTime, cancel)
		return true
	})
	out := slices.SortedFunc(maps.Keys(votes), func(a, b string) int {
		return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(a, b))
	})
	return out, noCandidate(out, digest)
}

func noCandidate(list []string, digest string) error {
	if len(list) == 0 {
		return fmt.Errorf("%w: image %s", ErrUntold, digest)
	}
	return nil
}
