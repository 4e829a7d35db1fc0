package blob

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"

	"infernet.tech/infernet/store"
)

// survey is a picture of the store: what is there, what belongs to what, and
// what must stay.
type survey struct {
	all    map[cid.Cid]*surveyed
	total  uint64 // bytes on the store's account
	pinned uint64 // of those, pinned or below a pin
	inUse  uint64 // of the rest, in use or below such
}

// surveyed is one file, folder or unfinished fetch.
type surveyed struct {
	c       cid.Cid
	r       record // its Size alone, when there is no record
	whole   bool   // it has a record
	used    int64
	kids    []cid.Cid // of a folder
	broken  error     // why they are not known
	parents int       // folders that may go and list it
	keep    bool
	// extra are files beside what the record says: the own copy of a file that
	// is referenced or packed, the temporary file of one that is whole.
	extra []string
}

// survey looks at everything. What is taken into use later is not in it, and
// is told by Store.touched.
func (s *Store) survey() (*survey, error) {
	g := &survey{all: map[cid.Cid]*surveyed{}}
	users := s.users()
	err := s.index.View(func(x store.Reader) error {
		return x.Scan([]byte(recordPrefix), func(k, v []byte) error {
			c, err := castCID(k[1:])
			if err != nil {
				return err
			}
			e := &surveyed{c: c, whole: true}
			if err := json.Unmarshal(v, &e.r); err != nil {
				return err
			}
			e.used = s.usedAt(x, c, e.r)
			g.all[c] = e
			return nil
		})
	})
	if err == nil {
		err = s.surveyUnfinished(g)
	}
	if err != nil {
		return nil, err
	}
	for c, e := range g.all {
		if e.whole && e.r.Dir {
			e.broken = s.entries(c, func(l link) { e.kids = append(e.kids, l.cid) })
		}
		g.total += e.r.stored()
	}
	var pins []cid.Cid
	for c, e := range g.all {
		if e.r.Pinned {
			pins = append(pins, c)
		}
	}
	if err := errors.Join(g.mark(pins, &g.pinned), g.mark(users, &g.inUse)); err != nil {
		return nil, err
	}
	g.count()
	return g, nil
}

// mark keeps some content and all below it and adds their bytes to sum. It
// fails rather than let go of what a broken folder may list.
func (g *survey) mark(todo []cid.Cid, sum *uint64) error {
	for len(todo) > 0 {
		e := g.all[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if e == nil || e.keep {
			continue
		}
		if e.broken != nil {
			return e.broken
		}
		e.keep = true
		*sum += e.r.stored()
		todo = append(todo, e.kids...)
	}
	return nil
}

// count finds out how many folders that may go list each file and folder.
func (g *survey) count() {
	for _, e := range g.all {
		if e.keep {
			continue
		}
		for _, kid := range e.kids {
			if k := g.all[kid]; k != nil {
				k.parents++
			}
		}
	}
}

// users lists what is in use or being fetched.
func (s *Store) users() []cid.Cid {
	var out []cid.Cid
	if s.cfg.InUse != nil {
		for _, text := range s.cfg.InUse() {
			if c, err := parseCID(text); err == nil { // else it is not of this store
				out = append(out, c)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.uses {
		out = append(out, c)
	}
	for c := range s.claims {
		out = append(out, c)
	}
	return out
}

// surveyUnfinished adds what has no record: unfinished fetches, their nodes,
// and files that a crash left.
func (s *Store) surveyUnfinished(g *survey) error {
	orphan := func(c cid.Cid) *surveyed {
		e := g.all[c]
		if e == nil {
			e = &surveyed{c: c}
			g.all[c] = e
		}
		return e
	}
	err := s.index.View(func(x store.Reader) error {
		for _, prefix := range []string{nodePrefix, partialPrefix, usedPrefix} {
			err := x.Scan([]byte(prefix), func(k, _ []byte) error {
				c, err := castCID(k[1:min(len(k), 1+cidLen)])
				if err == nil {
					orphan(c)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{s.filesDir(), s.tmpDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, d := range entries {
			path := filepath.Join(dir, d.Name())
			name, part := strings.CutSuffix(d.Name(), partSuffix)
			c, err := parseCID(name)
			st, gone := d.Info()
			if err != nil || gone != nil {
				continue
			}
			switch e := orphan(c); {
			case e.whole && (part || e.r.elsewhere()):
				e.extra = append(e.extra, path)
			case !e.whole:
				n, _ := allocated(path) // 0 if it is gone
				e.r.Size += uint64(n)
				e.used = max(e.used, st.ModTime().UnixNano())
			}
		}
	}
	return nil
}

// entries calls fn for each entry of a folder that is here.
func (s *Store) entries(c cid.Cid, fn func(link)) error {
	w, err := s.folder(c)
	if err != nil {
		return err
	}
	for _, l := range w.links() {
		fn(l)
	}
	return nil
}
