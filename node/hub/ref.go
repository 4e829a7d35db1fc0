package hub

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Ref names one file of a repository.
type Ref struct {
	Repo     string // OWNER/NAME
	Revision string // a branch, tag or commit
	File     string // path inside the repository
}

var (
	wordForm     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	fileForm     = regexp.MustCompile(`^[^/\x00-\x1f\x7f\\?#]+(/[^/\x00-\x1f\x7f\\?#]+)*$`)
	revisionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
)

// ParseRef reads hf:OWNER/REPO/FILE[@REVISION]; the revision is "main" where
// none is given. Errors: ErrRef.
func ParseRef(s string) (Ref, error) {
	bad := fmt.Errorf("%.200q is %w", s, ErrRef)
	rest, ok := strings.CutPrefix(s, "hf:")
	if !ok || len(s) > 1024 {
		return Ref{}, bad
	}
	r := Ref{Revision: "main"}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest, r.Revision = rest[:at], rest[at+1:]
	}
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) != 3 || !wordForm.MatchString(parts[0]) || !wordForm.MatchString(parts[1]) {
		return Ref{}, bad
	}
	r.Repo, r.File = parts[0]+"/"+parts[1], parts[2]
	if !fileForm.MatchString(r.File) || path.Clean(r.File) != r.File || strings.HasPrefix(r.File, "../") || r.File == ".." ||
		!revisionForm.MatchString(r.Revision) || strings.Contains(r.Revision, "..") {
		return Ref{}, bad
	}
	return r, nil
}

// String is the form that ParseRef reads.
func (r Ref) String() string { return "hf:" + r.Repo + "/" + r.File + "@" + r.Revision }

// path is where the file stands below the endpoint.
func (r Ref) path() string {
	parts := strings.Split(r.File, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/" + r.Repo + "/resolve/" + url.PathEscape(r.Revision) + "/" + strings.Join(parts, "/")
}
