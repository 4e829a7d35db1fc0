package mirror

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// maxPage is the most names in one answer.
const maxPage = 1000

// tags lists the tags of a repository.
func (m *Mirror) tags(w http.ResponseWriter, r *http.Request, q request) error {
	if q.arg != "list" {
		return errPath
	}
	refs, err := m.images.List(r.Context())
	if err != nil {
		return err
	}
	var all []string
	for _, ref := range refs {
		if q.repo.has(ref) && tagForm.MatchString(ref.Tag) {
			all = append(all, ref.Tag)
		}
	}
	if len(all) == 0 {
		return errNoName
	}
	page, err := paged(w, r, all)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"name": q.repo.path, "tags": page})
	return nil
}

// catalog lists the repositories that everybody may know of.
func (m *Mirror) catalog(w http.ResponseWriter, r *http.Request) error {
	refs, err := m.images.List(r.Context())
	if err != nil {
		return err
	}
	var all []string
	for _, ref := range refs {
		name := ref.Name
		if !ref.Owner.IsZero() && ref.Owner != m.cfg.Self {
			name = ref.Owner.String() + "/" + name
		}
		if isRepo(name) {
			all = append(all, name)
		}
	}
	page, err := paged(w, r, all)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"repositories": page})
	return nil
}

// paged sorts names and returns those after last, at most n, with a link to
// the rest.
func paged(w http.ResponseWriter, r *http.Request, all []string) ([]string, error) {
	query := r.URL.Query()
	n := maxPage
	if s := query.Get("n"); s != "" {
		given, err := strconv.Atoi(s)
		if err != nil || given < 0 {
			return nil, errPage
		}
		n = min(given, maxPage)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if after := query.Get("last"); after != "" {
		i, found := slices.BinarySearch(all, after)
		if found {
			i++
		}
		all = all[i:]
	}
	if len(all) <= n {
		return append([]string{}, all...), nil
	}
	if n > 0 {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {all[n-1]}}
		if ns := query.Get("ns"); ns != "" {
			next.Set("ns", ns)
		}
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), next.Encode()))
	}
	return append([]string{}, all[:n]...), nil
}
