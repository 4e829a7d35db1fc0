package content

import (
	"encoding/json"
	"fmt"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// Shared is one thing that this node gives to everybody.
type Shared struct {
	CID string
	At  time.Time
}

func shareKey(cid string) []byte { return []byte("share/" + cid) }

// Share gives a blob to everybody who asks for it, and says so to the network
// with all names that it has here. It need not be here yet. Sharing twice is no
// error. Errors: blob.ErrCID.
func (l *Library) Share(cid string) error {
	if l.Shared(cid) {
		return nil
	}
	if form, err := holders.FormOf(cid); err != nil || form != holders.FormCID {
		return fmt.Errorf("%w: %.80q", blob.ErrCID, cid)
	}
	data, err := json.Marshal(Shared{CID: cid, At: time.Now().UTC()})
	if err != nil {
		return err
	}
	err = l.names.Update(func(tx store.Txn) error { return tx.Set(shareKey(cid), data) })
	if err != nil {
		return err
	}
	l.touch()
	for _, kind := range []Kind{Data, Model, Image} {
		entries, err := l.Names(kind)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.CID == cid {
				l.publish(e)
			}
		}
	}
	return nil
}

// shareAdded gives to everybody what a person added, unless it is private.
func (l *Library) shareAdded(e Entry, private bool) error {
	if private || l.net.Private {
		return nil
	}
	return l.Share(e.CID)
}

// Unshare takes Share back; who was granted the blob keeps that, and who
// fetched it goes on giving it to others.
func (l *Library) Unshare(cid string) error {
	err := l.names.Update(func(tx store.Txn) error { return tx.Delete(shareKey(cid)) })
	if err == nil {
		l.touch()
	}
	return err
}

// Shared tells whether everybody may have a blob.
func (l *Library) Shared(cid string) bool {
	err := l.names.View(func(r store.Reader) error {
		_, err := r.Get(shareKey(cid))
		return err
	})
	return err == nil
}

// AllShared lists what everybody may have, whether it is here or not.
func (l *Library) AllShared() ([]Shared, error) {
	var all []Shared
	err := l.names.View(func(r store.Reader) error {
		return r.Scan([]byte("share/"), func(_, value []byte) error {
			var s Shared
			if err := json.Unmarshal(value, &s); err != nil {
				return err
			}
			all = append(all, s)
			return nil
		})
	})
	return all, err
}
