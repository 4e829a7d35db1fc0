package node

import (
	"encoding/json"
	"errors"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/store"
)

// addrBook remembers peers' addresses over restarts.
type addrBook struct{ st store.Store }

var _ p2p.AddrBook = addrBook{}

var bookKey = []byte("book")

// Load implements p2p.AddrBook.
func (b addrBook) Load() (addrs []string, err error) {
	err = b.st.View(func(r store.Reader) error {
		data, err := r.Get(bookKey)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &addrs)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return addrs, err
}

// Save implements p2p.AddrBook.
func (b addrBook) Save(addrs []string) error {
	data, err := json.Marshal(addrs)
	if err != nil {
		return err
	}
	return b.st.Update(func(tx store.Txn) error { return tx.Set(bookKey, data) })
}
