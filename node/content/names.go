package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// Kind is the shelf a name stands on: the same name may mean a model and an
// image.
type Kind string

// The shelves.
const (
	Data  Kind = "data"
	Model Kind = "model"
	Image Kind = "image"
)

// Entry is what a name stands for.
type Entry struct {
	Kind    Kind
	Name    string
	CID     string
	Digest  string `json:",omitempty"` // of an image's index or manifest
	Size    uint64 // payload bytes
	Dir     bool
	AddedAt time.Time
	Stamp   string `json:",omitempty"` // of the built-in it was made from; "" when it was not
}

// nameForm is what people may call things: path-like, as image names are.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(:[A-Za-z0-9._-]+)?$`)

// CheckName refuses a name that could be mistaken for a path or an option.
func CheckName(name string) error {
	if len(name) > 128 || !nameForm.MatchString(name) {
		return fmt.Errorf("content: %q is no name: use letters, digits, '.', '_', '-' and '/'", name)
	}
	return nil
}

func nameKey(kind Kind, name string) []byte { return []byte("name/" + string(kind) + "/" + name) }

// Name makes a name stand for an entry and pins its blob, so that collection
// keeps what has a name. Of what everybody may have the name is signed and told.
func (l *Library) Name(e Entry) error {
	if err := CheckName(e.Name); err != nil {
		return err
	}
	if e.AddedAt.IsZero() {
		e.AddedAt = time.Now().UTC()
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := l.blobs.Pin(e.CID); err != nil {
		return err
	}
	var old Entry
	err = l.names.Update(func(tx store.Txn) error {
		// What the name stood for is only looked at to let it go.
		if data, err := tx.Get(nameKey(e.Kind, e.Name)); err == nil {
			_ = json.Unmarshal(data, &old)
		}
		if e.Digest != "" {
			if err := tx.Set(digestKey(e.Digest, e.CID), nil); err != nil {
				return err
			}
		}
		return tx.Set(nameKey(e.Kind, e.Name), data)
	})
	if err != nil {
		return err
	}
	l.publish(e)
	if old.CID != "" && old.CID != e.CID {
		return l.letGo(old.CID)
	}
	return nil
}

// letGo takes the pin of a blob that has lost a name, and gives it to nobody any
// more, unless it has another name.
func (l *Library) letGo(cid string) error {
	for _, k := range []Kind{Data, Model, Image} {
		if _, err := l.Lookup(k, cid); !errors.Is(err, ErrNoName) {
			return err
		}
	}
	err := l.blobs.Unpin(cid)
	if errors.Is(err, blob.ErrNotHave) {
		err = nil
	}
	return errors.Join(err, l.Unshare(cid))
}

// Lookup finds what a name, or a CID that has one, stands for.
func (l *Library) Lookup(kind Kind, ref string) (Entry, error) {
	var e Entry
	err := l.names.View(func(r store.Reader) error {
		data, err := r.Get(nameKey(kind, ref))
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &e)
	})
	if !errors.Is(err, store.ErrNotFound) {
		return e, err
	}
	all, err := l.Names(kind)
	if err != nil {
		return e, err
	}
	for _, e := range all {
		if ref != "" && (e.CID == ref || e.Digest == ref) {
			return e, nil
		}
	}
	return e, fmt.Errorf("%w: %s %q", ErrNoName, kind, ref)
}

// Names lists a shelf in the order of its names.
func (l *Library) Names(kind Kind) ([]Entry, error) {
	var all []Entry
	err := l.names.View(func(r store.Reader) error {
		return r.Scan([]byte("name/"+string(kind)+"/"), func(_, value []byte) error {
			var e Entry
			if err := json.Unmarshal(value, &e); err != nil {
				return err
			}
			all = append(all, e)
			return nil
		})
	})
	return all, err
}

// Alias makes one more name stand for what a name or a CID that is here stands
// for. A name that stands for something else already is moved.
func (l *Library) Alias(kind Kind, name, ref string) (Entry, error) {
	e, err := l.Lookup(kind, ref)
	if errors.Is(err, ErrNoName) {
		info, serr := l.blobs.Stat(ref)
		if serr != nil {
			return e, err
		}
		e, err = Entry{Kind: kind, CID: info.CID, Size: info.Size, Dir: info.Dir}, nil
	}
	if err != nil {
		return e, err
	}
	// An alias is its owner's own, not the program's, whatever it is made of.
	e.Name, e.AddedAt, e.Stamp = name, time.Time{}, ""
	return e, l.Name(e)
}

// Unname takes a name away. With its last name the blob loses its pin, goes at
// the next collection and is given to nobody any more but whom it was granted. It returns what the name stood for. Errors: ErrNoName.
func (l *Library) Unname(kind Kind, name string) (Entry, error) {
	var e Entry
	err := l.names.Update(func(tx store.Txn) error {
		data, err := tx.Get(nameKey(kind, name))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &e); err != nil {
			return err
		}
		return tx.Delete(nameKey(kind, name))
	})
	if errors.Is(err, store.ErrNotFound) {
		return e, fmt.Errorf("%w: %s %q", ErrNoName, kind, name)
	}
	if err != nil {
		return e, err
	}
	if err := l.withdraw(e); err != nil {
		return e, err
	}
	return e, l.letGo(e.CID)
}
