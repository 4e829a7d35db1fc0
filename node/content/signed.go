package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// ErrBadName refuses a document that names content: another's than it is said
// to be, another name's, or of the future.
var ErrBadName = errors.New("content: not a name that its author signed")

// Named is a name that its author signed, and what it stands for.
type Named struct {
	wire.ContentName
	Author identity.PubKey
	Event  wire.Event
}

// maxLearned bounds the names of others that are kept.
const maxLearned = 4096

// signed is a document in the store.
type signed struct {
	Event json.RawMessage
	Own   bool
	Gone  bool      `json:",omitempty"` // told no more; what follows must be newer
	At    time.Time // when it came
}

func signedKey(ref string) []byte { return []byte("signed/" + ref) }

// digestKey says that a blob is the layout of an image.
func digestKey(digest, cid string) []byte { return []byte("digest/" + digest + "/" + cid) }

// nameTag is how an image's name is signed: with its tag, always.
func nameTag(kind Kind, name string) string {
	if kind == Image && !strings.Contains(name, ":") {
		return name + ":latest"
	}
	return name
}

// publish signs the name of an entry that everybody may have; of another it
// takes back what the name stood for before. That it cannot be signed takes
// nothing from the entry.
func (l *Library) publish(e Entry) {
	if l.net.Key == nil || e.Name == "" {
		return
	}
	if _, _, theirs := SplitRef(e.Name); theirs {
		return // an author's name, kept here as a note; he signs it himself
	}
	var err error
	if l.Shared(e.CID) && e.Stamp == "" {
		err = l.sign(e, time.Now())
	} else {
		err = l.withdraw(e)
	}
	if err != nil {
		l.log.Warn("name not published", "name", e.Name, "err", err)
	}
	l.touch()
}

func (l *Library) sign(e Entry, now time.Time) error {
	doc := wire.ContentName{
		Name: nameTag(e.Kind, e.Name), What: string(e.Kind), Digest: e.Digest, CID: e.CID, Size: e.Size, Created: now.Unix(),
	}
	ref := holders.NameRef(l.net.Key.PubKey(), doc.What, doc.Name)
	old, gone, err := l.lastSigned(ref)
	if err == nil {
		if o := old.ContentName; !gone && o.CID == doc.CID && o.Digest == doc.Digest && o.Size == doc.Size {
			return nil
		}
		// Of two of one second nobody could tell which is the newer.
		now = time.Unix(max(now.Unix(), old.Event.CreatedAt+1), 0)
	}
	ev, err := wire.Seal(l.net.Key, doc, now)
	if err != nil {
		return err
	}
	return l.keep(ref, ev, doc, true)
}

// keep stores a document, and what its digest stands for.
func (l *Library) keep(ref string, ev wire.Event, doc wire.ContentName, own bool) error {
	data, err := json.Marshal(signed{Event: ev.Bytes(), Own: own, At: time.Now().UTC()})
	if err != nil {
		return err
	}
	return l.names.Update(func(tx store.Txn) error {
		if doc.Digest != "" && own {
			if err := tx.Set(digestKey(doc.Digest, doc.CID), nil); err != nil {
				return err
			}
		}
		return tx.Set(signedKey(ref), data)
	})
}

// learn keeps a name that came from the public, if it is newer than what is
// known, and returns the newest.
func (l *Library) learn(n Named) (Named, error) {
	ref := holders.NameRef(n.Author, n.What, n.Name)
	old, err := l.signedName(ref)
	if err == nil && !newer(n.Event, old.Event) {
		return old, nil
	}
	if err != nil && !errors.Is(err, ErrNoName) {
		return n, err
	}
	if err := l.forgetLearned(maxLearned - 1); err != nil {
		return n, err
	}
	return n, l.keep(ref, n.Event, n.ContentName, false)
}

// forgetLearned makes room among the names of others: the oldest go.
func (l *Library) forgetLearned(most int) error {
	count := 0
	var oldest []byte
	var at time.Time
	err := l.names.View(func(r store.Reader) error {
		return r.Scan([]byte("signed/"), func(k, v []byte) error {
			var s signed
			if err := json.Unmarshal(v, &s); err != nil || s.Own {
				return err
			}
			if count++; oldest == nil || s.At.Before(at) {
				oldest, at = append([]byte(nil), k...), s.At
			}
			return nil
		})
	})
	if err != nil || count <= most {
		return err
	}
	return l.names.Update(func(tx store.Txn) error { return tx.Delete(oldest) })
}

// newer tells which of two documents of one address holds (NIP-01): the later,
// and of the same second the one with the lower id.
func newer(a, b wire.Event) bool {
	if a.CreatedAt != b.CreatedAt {
		return a.CreatedAt > b.CreatedAt
	}
	return string(a.ID[:]) < string(b.ID[:])
}

// signedName returns the newest document known here of a name. Errors: ErrNoName.
func (l *Library) signedName(ref string) (Named, error) {
	n, gone, err := l.lastSigned(ref)
	if err == nil && gone {
		return Named{}, fmt.Errorf("%w: %.200q", ErrNoName, ref)
	}
	return n, err
}

// lastSigned is signedName that tells of withdrawn ones too.
func (l *Library) lastSigned(ref string) (n Named, gone bool, err error) {
	var data []byte
	err = l.names.View(func(r store.Reader) (err error) {
		data, err = r.Get(signedKey(ref))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Named{}, false, fmt.Errorf("%w: %.200q", ErrNoName, ref)
	}
	if err != nil {
		return Named{}, false, err
	}
	return parseSigned(data, ref)
}

// parseSigned reads a document from the store; it is verified again.
func parseSigned(data []byte, ref string) (n Named, gone bool, err error) {
	var s signed
	if err := json.Unmarshal(data, &s); err != nil {
		return n, false, err
	}
	ev, err := wire.Parse(s.Event)
	if err != nil {
		return n, false, err
	}
	n, err = checkNamed(ev, ref, time.Now())
	return n, s.Gone, err
}

// checkNamed holds a document whose signature is good against the name that was
// asked for. Errors: ErrBadName.
func checkNamed(ev wire.Event, ref string, now time.Time) (Named, error) {
	author, address, err := holders.SplitName(ref)
	if err != nil {
		return Named{}, err
	}
	doc, err := wire.Decode[wire.ContentName](ev)
	switch {
	case err != nil:
		return Named{}, fmt.Errorf("%w: %w", ErrBadName, err)
	case ev.PubKey != author:
		return Named{}, fmt.Errorf("%w: it is by %s", ErrBadName, ev.PubKey.Short())
	case doc.Address() != address:
		return Named{}, fmt.Errorf("%w: it is of %q", ErrBadName, doc.Address())
	case ev.CreatedAt > now.Add(wire.Skew).Unix():
		return Named{}, fmt.Errorf("%w: it is of the future", ErrBadName)
	}
	return Named{ContentName: doc, Author: author, Event: ev}, nil
}

// withdraw stops telling a name of this node's own, where it is told. Others who
// learned it keep it until there is a newer one.
func (l *Library) withdraw(e Entry) error {
	if l.net.Key == nil {
		return nil
	}
	ref := holders.NameRef(l.net.Key.PubKey(), string(e.Kind), nameTag(e.Kind, e.Name))
	err := l.names.Update(func(tx store.Txn) error {
		data, err := tx.Get(signedKey(ref))
		if err != nil {
			return err
		}
		var s signed
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		s.Gone = true
		if data, err = json.Marshal(s); err != nil {
			return err
		}
		return tx.Set(signedKey(ref), data)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	l.touch()
	return err
}

// indexDigest remembers of which image a blob is the layout.
func (l *Library) indexDigest(digest, cid string) error {
	return l.names.Update(func(tx store.Txn) error { return tx.Set(digestKey(digest, cid), nil) })
}

// layoutsOf lists the blobs that hold an image, at most max.
func (l *Library) layoutsOf(digest string, max int) []string {
	var out []string
	prefix := digestKey(digest, "")
	_ = l.names.View(func(r store.Reader) error { // nothing found, nothing told
		return r.Scan(prefix, func(k, _ []byte) error {
			if len(out) < max {
				out = append(out, string(k[len(prefix):]))
			}
			return nil
		})
	})
	return out
}
