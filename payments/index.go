package payments

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// Entries are found by when they were created, the newest first, under
// "time/RAIL/WHEN/DIRECTION/NAME", and by peer and time under
// "with/RAIL/PEER/WHEN/DIRECTION/NAME". WHEN falls as time goes on; of PEER the
// first half is kept, and what does not match is passed over.
func (j *Journal) timeKey(place string) []byte { return []byte("time/" + j.rail + "/" + place) }

func (j *Journal) withKey(peer identity.PubKey, place string) []byte {
	return []byte("with/" + j.rail + "/" + hex.EncodeToString(peer[:len(peer)/2]) + "/" + place)
}

// when is 16 hex digits that fall as time goes on.
func when(t time.Time) string { return fmt.Sprintf("%016x", uint64(math.MaxInt64-t.UnixMilli())) }

// place is where an entry stands among all, the newest first.
func place(e Entry) string { return when(e.Created) + "/" + string(e.Direction) + "/" + e.name }

// cutPlace is the way back from place.
func cutPlace(s string) (d Direction, name string, err error) {
	at, rest, ok := strings.Cut(s, "/")
	dir, name, ok2 := strings.Cut(rest, "/")
	d = Direction(dir)
	if !ok || !ok2 || len(at) != 16 || checkName(d, name) != nil {
		return "", "", fmt.Errorf("%.40q: %w", s, ErrCursor)
	}
	return d, name, nil
}

func (j *Journal) index(tx store.Txn, e Entry) error {
	p := place(e)
	return errors.Join(tx.Set(j.timeKey(p), []byte{}), tx.Set(j.withKey(e.Peer, p), []byte{}))
}

// maxPage is the most entries of a page, and a page's size where none is asked.
const maxPage = 1000

// Page returns up to Limit entries that f selects, the newest first, and the
// After of the next page; it is empty on the last. Where f has a Prefix the
// order is that of refs, what was paid before what was received: the shards of a
// job in their order. It costs what it reads: with a Peer or a Prefix, or a time
// alone, no more than the page; other fields pass over what does not match.
func (j *Journal) Page(f Filter) (page []Entry, next string, err error) {
	if err := j.Prepare(); err != nil {
		return nil, "", err
	}
	if f.Limit <= 0 || f.Limit > maxPage {
		f.Limit = maxPage
	}
	err = j.s.View(func(r store.Reader) error {
		page, next = nil, ""
		err := j.walk(r, f, func(e Entry) error {
			if len(page) == f.Limit {
				next = place(page[len(page)-1])
				return errEnough
			}
			page = append(page, e)
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	return page, next, err
}

// walk calls fn for what f selects in the order of Page, after f.After; Limit is
// the caller's.
func (j *Journal) walk(r store.Reader, f Filter, fn func(Entry) error) error {
	match := func(e Entry) error {
		if !f.match(e) {
			return nil
		}
		return fn(e)
	}
	var after Entry
	if f.After != "" {
		var err error
		if after.Direction, after.name, err = cutPlace(f.After); err != nil {
			return err
		}
	}
	if f.Prefix != "" {
		return j.walkRefs(r, f, after, match)
	}
	return j.walkTimes(r, f, match)
}

func (j *Journal) walkRefs(r store.Reader, f Filter, after Entry, fn func(Entry) error) error {
	for _, d := range []Direction{Out, In} {
		if f.Direction != "" && f.Direction != d || after.Direction == In && d == Out {
			continue
		}
		from := ""
		if after.Direction == d {
			from = after.name + "\x00" // the first key after it
		}
		if err := j.scanFrom(r, d, f.Prefix, from, fn); err != nil {
			return err
		}
	}
	return nil
}

// gather is how many places are read before their entries are: scans of a
// transaction do not nest.
const gather = 256

func (j *Journal) walkTimes(r store.Reader, f Filter, fn func(Entry) error) error {
	key := j.timeKey
	if !f.Peer.IsZero() {
		key = func(place string) []byte { return j.withKey(f.Peer, place) }
	}
	from, end := "", "~"
	if !f.Until.IsZero() {
		from = when(f.Until.Add(-1))
	}
	if f.After != "" {
		from = max(from, f.After+"\x00")
	}
	if !f.Since.IsZero() {
		end = when(f.Since) + "~"
	}
	skip := len(key(""))
	for {
		var places []string
		err := r.ScanFrom(key(""), key(from), func(k, _ []byte) error {
			p := string(k[skip:])
			if p > end || len(places) == gather {
				return errEnough
			}
			places = append(places, p)
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		for _, p := range places {
			d, name, err := cutPlace(p)
			if err != nil {
				return fmt.Errorf("%w: index: %w", ErrCorrupt, err)
			}
			e, err := j.named(r, d, name)
			if err != nil {
				return err
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		if len(places) < gather {
			return nil
		}
		from = places[len(places)-1] + "\x00"
	}
}
