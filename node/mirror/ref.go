package mirror

import (
	"regexp"
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// Ref is a name of an image, as a tool asks for it.
type Ref struct {
	Owner identity.PubKey // whose name it is; zero: this node's own
	Name  string          // without tag, as team/app
	Tag   string
}

// String is the name with its tag, and its owner where it has one.
func (r Ref) String() string {
	s := r.Name + ":" + r.Tag
	if !r.Owner.IsZero() {
		s = r.Owner.String() + "/" + s
	}
	return s
}

// Spellings are the names of content that a Ref means, in the order to look
// them up: a name may have been given without the tag latest.
func (r Ref) Spellings() []string {
	full := r.Name + ":" + r.Tag
	if r.Tag == latest {
		return []string{full, r.Name}
	}
	return []string{full}
}

// ParseRef takes a name of content apart, as team/app or team/app:v1. It
// returns false for a name that tools cannot ask for: theirs are lower case.
func ParseRef(owner identity.PubKey, name string) (Ref, bool) {
	r := Ref{Owner: owner, Name: name, Tag: latest}
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		r.Name, r.Tag = name[:i], name[i+1:]
	}
	return r, isRepo(r.Name) && tagForm.MatchString(r.Tag)
}

const latest = "latest"

// The forms of the distribution specification.
var (
	repoForm   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestForm = regexp.MustCompile(`^[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]{32,160}$`)
	sha256Form = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	hostForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
)

const maxRepo = 255

func isRepo(s string) bool { return len(s) <= maxRepo && repoForm.MatchString(s) }

// repo is a repository as a request names it, and the names of content that it
// may stand for, the likeliest first.
type repo struct {
	path  string
	means []Ref // without tags
}

// parseRepo reads the name in a request's path and containerd's parameter ns,
// the registry that the mirror stands in for.
func parseRepo(path, ns string, self identity.PubKey) (repo, bool) {
	if !isRepo(path) || len(ns) > maxRepo || ns != "" && !hostForm.MatchString(ns) {
		return repo{}, false
	}
	r := repo{path: path}
	if npub, name, ok := strings.Cut(path, "/"); ok && strings.HasPrefix(npub, "npub1") {
		owner, err := identity.ParsePubKey(npub)
		if err != nil {
			return repo{}, false
		}
		if owner == self {
			owner = identity.PubKey{}
		}
		r.means = []Ref{{Owner: owner, Name: name}}
		return r, true
	}
	add := func(name string) {
		if isRepo(name) || ns != "" {
			r.means = append(r.means, Ref{Name: name})
		}
	}
	short, hub := strings.CutPrefix(path, "library/")
	switch ns {
	case "":
		add(path)
	case "docker.io":
		add(ns + "/" + path)
		if !hub {
			add(path)
		}
	default:
		add(ns + "/" + path)
	}
	// Docker asks its mirrors for library/app and says of no registry.
	if hub && (ns == "" || ns == "docker.io") {
		add(short)
	}
	return r, true
}

// has tells whether a name of content is in the repository.
func (r repo) has(ref Ref) bool {
	for _, m := range r.means {
		if m.Owner == ref.Owner && m.Name == ref.Name {
			return true
		}
	}
	return false
}
