package blob

import (
	"encoding/json"
	"slices"

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

// Below tells which files and folders are some folders, or in them, of those
// that are here.
func (s *Store) Below(roots []string) map[string]bool {
	out := map[string]bool{}
	for todo := slices.Clone(roots); len(todo) > 0; {
		root := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c, err := parseCID(root)
		if err != nil || out[root] {
			continue
		}
		out[root] = true
		if r, err := s.record(c); err == nil && r.Dir {
			_ = s.entries(c, func(l link) { todo = append(todo, l.cid.String()) }) // what cannot be read is not known to be in it
		}
	}
	return out
}
