package blob

import (
	"encoding/json"

	"github.com/ipfs/go-cid"
)

// Inside tells which files and folders are entries of folders that are here,
// by their CIDs: what a person added or fetched is what is not among them.
func (s *Store) Inside() (map[string]bool, error) {
	out := map[string]bool{}
	err := s.scanCIDs(recordPrefix, func(c cid.Cid, v []byte) error {
		var r record
		if err := json.Unmarshal(v, &r); err != nil || !r.Dir {
			return err
		}
		return s.entries(c, func(l link) { out[l.cid.String()] = true })
	})
	return out, err
}
