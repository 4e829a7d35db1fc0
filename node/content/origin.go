package content

import (
	"infernet.tech/infernet/store"
)

// origin is where the bytes of a transfer come from. Only what came from the
// public, all of it, is given to the public again: were the word of one source
// enough, a stranger could have a node publish what another had given it in
// confidence.
type origin struct {
	open   map[string]bool // by source: it says that everybody may have it
	pure   bool            // what was here before came from the public too, or nothing was
	marked bool            // it is written down that all of it is public so far
}

// comingKey is written while a transfer of public content is not complete, so
// that the next one knows what the bytes are that it finds.
func comingKey(cid string) []byte { return []byte("coming/" + cid) }

// markAfter is how many bytes a transfer brings before it is written down.
const markAfter = 16 << 20

// beginOrigin finds out what is here already.
func (t *transfer) beginOrigin() {
	err := t.l.names.View(func(r store.Reader) error {
		_, err := r.Get(comingKey(t.cid))
		return err
	})
	pure := err == nil || !t.l.have(t.cid).Has()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origin.marked, t.origin.pure = err == nil, pure
}

// isPublic tells whether all that is here came from the public. The mutex is
// held.
func (t *transfer) isPublic() bool {
	any := false
	for _, s := range t.last.Sources {
		if s.Bytes > 0 && !t.origin.open[s.Name] {
			return false
		}
		any = any || s.Bytes > 0
	}
	return t.origin.pure && (any || t.origin.marked)
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
	t.mu.Unlock()
	if change {
		t.mark(public)
	}
}

func (t *transfer) mark(public bool) {
	err := t.l.names.Update(func(tx store.Txn) error {
		if public {
			return tx.Set(comingKey(t.cid), nil)
		}
		return tx.Delete(comingKey(t.cid))
	})
	if err != nil {
		t.l.log.Warn("origin of content not noted", "cid", t.cid, "err", err)
		return
	}
	t.mu.Lock()
	t.origin.marked = public
	t.mu.Unlock()
}

// endOrigin shares what came from the public, and notes of what is unfinished
// whether it did.
func (t *transfer) endOrigin(err error) {
	t.mu.Lock()
	public, gives, marked := t.isPublic(), t.gives(), t.origin.marked
	t.mu.Unlock()
	if keep := err != nil && public; keep != marked {
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
