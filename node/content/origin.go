package content

import (
	"time"

	"infernet.tech/infernet/store"
)

// origin is where the bytes of a transfer come from. Only what came from the
// public, all of it, is given to the public again: were the word of one source
// enough, a stranger could have a node publish what another had given it in
// confidence.
type origin struct {
	open   map[string]bool // by source: it says that everybody may have it
	gave   map[string]bool // sources of which something came, also of those cut off since
	pure   bool            // what was here before came from the public too, or nothing was
	marked bool            // it is written down that all of it is public so far
	wrote  time.Time       // when that was
	since  time.Time       // when an earlier transfer wrote it down last
	below  map[string]bool // what is below that which is shared; nil: not known yet
}

// comingKey is written while a transfer of public content is not complete, so
// that the next one knows what the bytes are that it finds.
func comingKey(cid string) []byte { return []byte("coming/" + cid) }

// markEvery is how often it is written down again that all is public so far.
const markEvery = 2 * time.Second

// markAfter is how many bytes a transfer brings before it is written down.
const markAfter = 16 << 20

// beginOrigin finds out what is here already.
func (t *transfer) beginOrigin() {
	var since time.Time
	err := t.l.names.View(func(r store.Reader) error {
		data, err := r.Get(comingKey(t.cid))
		if err == nil {
			_ = since.UnmarshalText(data) // none: all that is here is looked at again
		}
		return err
	})
	pure := err == nil || !t.l.have(t.cid).Has()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origin.marked, t.origin.pure, t.origin.since = err == nil, pure, since
}

// mustShow tells whether what is here and turns up below a folder that is
// fetched must be shown by a source of it: else a stranger could list the CID
// of something confidential, and have it published with the folder. What may be
// had anyway need not, nor what an earlier transfer of the folder brought.
func (t *transfer) mustShow(cid string) bool {
	if t.l.Shared(cid) {
		return false
	}
	t.mu.Lock()
	since, below := t.origin.since, t.origin.below
	t.mu.Unlock()
	if i, err := t.l.blobs.Stat(cid); err == nil && i.At.Before(since) {
		return false
	}
	if below == nil {
		all, err := t.l.AllShared()
		if err != nil {
			t.l.log.Warn("what is shared is not known", "err", err)
		}
		roots := make([]string, len(all))
		for i, s := range all {
			roots[i] = s.CID
		}
		below = t.l.blobs.Below(roots)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origin.below = below
	if below[cid] {
		return false
	}
	if !t.gives() { // nobody else gets it in any case
		t.origin.pure = false
		return false
	}
	return true
}

// isPublic tells whether all that is here came from the public. The mutex is
// held.
func (t *transfer) isPublic() bool {
	for name := range t.origin.gave {
		if !t.origin.open[name] {
			return false
		}
	}
	return t.origin.pure && (len(t.origin.gave) > 0 || t.origin.marked)
}

// isOpen tells whether a source says that everybody may have it.
func (t *transfer) isOpen() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, open := range t.origin.open {
		if open {
			return true
		}
	}
	return false
}

// markOrigin writes down whether what is here is public so far, when that has
// changed and there is enough of it.
func (t *transfer) markOrigin() {
	t.mu.Lock()
	public := t.isPublic()
	change := public != t.origin.marked && (!public || t.last.Fetched >= markAfter)
	change = change || public && t.origin.marked && time.Since(t.origin.wrote) > markEvery
	t.mu.Unlock()
	if change {
		t.mark(public)
	}
}

func (t *transfer) mark(public bool) {
	now := time.Now().UTC()
	err := t.l.names.Update(func(tx store.Txn) error {
		if public {
			at, err := now.MarshalText()
			if err != nil {
				return err
			}
			return tx.Set(comingKey(t.cid), at)
		}
		return tx.Delete(comingKey(t.cid))
	})
	if err != nil {
		t.l.log.Warn("origin of content not noted", "cid", t.cid, "err", err)
		return
	}
	t.mu.Lock()
	t.origin.marked, t.origin.wrote = public, now
	t.mu.Unlock()
}

// endOrigin shares what came from the public, and notes of what is unfinished
// whether it did.
func (t *transfer) endOrigin(err error) {
	t.mu.Lock()
	public, gives, marked := t.isPublic(), t.gives(), t.origin.marked
	t.mu.Unlock()
	if keep := err != nil && public; keep || marked {
		t.mark(keep)
	}
	if err != nil || !public || !gives {
		return
	}
	if err := t.l.Share(t.cid); err != nil {
		t.l.log.Warn("fetched and not shared", "cid", t.cid, "err", err)
	}
}

// seeds tells whether a blob is coming from the public right now: what of it is
// here is given to everybody at once.
func (l *Library) seeds(cid string) bool {
	l.mu.Lock()
	t := l.fetches[cid]
	l.mu.Unlock()
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.isPublic() && t.gives()
}

// gives tells whether what comes may be given to others, as far as those who
// wait for it say. The mutex is held.
func (t *transfer) gives() bool {
	if t.l.net.Private {
		return false
	}
	for w := range t.waiting {
		if !w.o.Private {
			return true
		}
	}
	return false
}
