package content

import (
	"encoding/json"
	"errors"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// Shared is one thing that this node gives to everybody.
type Shared struct {
	CID string
	At  time.Time
}

func shareKey(cid string) []byte { return []byte("share/" + cid) }

// Share gives a blob to everybody who asks for it, and says so to the network.
// It need not be here yet. Sharing twice is no error.
func (l *Library) Share(cid string) error {
	if l.Shared(cid) {
		return nil
	}
	data, err := json.Marshal(Shared{CID: cid, At: time.Now().UTC()})
	if err != nil {
		return err
	}
	err = l.names.Update(func(tx store.Txn) error { return tx.Set(shareKey(cid), data) })
	if err == nil {
		l.touch()
	}
	return err
}

// Unshare takes Share back; who was granted the blob keeps that.
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

// errIgnore marks a record that is not there.
func notFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// may tells whether a peer may have a blob, and whether everybody may.
func (l *Library) may(peer identity.PubKey, cid string) (granted, public bool) {
	// Both are looked up whatever the first says, and before anything is asked
	// of the store: the answer to who may not takes the same time either way.
	granted = l.grants.allows(cid, peer)
	public = l.Shared(cid)
	return granted, public || l.seeds(cid)
}
