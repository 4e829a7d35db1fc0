package image

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// containerdName is the annotation in which containerd and Docker keep an
// image's full name; the standard one holds the tag alone with them.
const containerdName = "io.containerd.image.name"

// choice is one image of an archive or folder.
type choice struct {
	digest   string // of the index, the manifest or, with older docker save, the config
	names    []string
	platform *ocispec.Platform
}

// choices lists the images of an index.json, each once with all its names.
func (top document) choices() []choice {
	var all []choice
	for _, d := range top.Manifests {
		if !isImage(d) {
			continue
		}
		i := slices.IndexFunc(all, func(c choice) bool { return c.digest == d.Digest.String() })
		if i < 0 {
			i = len(all)
			all = append(all, choice{digest: d.Digest.String(), platform: d.Platform})
		}
		name := orElse(d.Annotations[containerdName], d.Annotations[ocispec.AnnotationRefName])
		if name = familiar(name); name != "" && !slices.Contains(all[i].names, name) {
			all[i].names = append(all[i].names, name)
		}
	}
	return all
}

// flat tells whether choices are one image's platforms, which a nested index
// should have held.
func flat(all []choice) bool {
	platforms, names := map[string]bool{}, map[string]bool{}
	for _, c := range all {
		if c.platform == nil || platforms[platformName(*c.platform)] {
			return false
		}
		platforms[platformName(*c.platform)] = true
		for _, n := range c.names {
			names[n] = true
		}
	}
	return len(names) <= 1
}

// only finds the one image that a folder's index.json means here.
func (b blobs) only(lim Limits) (string, error) {
	top, err := b.top(lim)
	if err != nil {
		return "", err
	}
	all := top.choices()
	if len(all) > 1 && flat(all) {
		children, err := b.children(top, lim, 0)
		if err != nil {
			return "", err
		}
		return choose(children, thisMachine())
	}
	one, err := pick(all, "")
	return one.digest, err
}

// pick finds the image that is meant: by name, by digest, or as the only one.
func pick(all []choice, want string) (choice, error) {
	if want == "" {
		switch len(all) {
		case 0:
			return choice{}, bad("no image is in it")
		case 1:
			return all[0], nil
		}
		return choice{}, fmt.Errorf("%w: %w: %s; say which by its name or digest", exec.ErrImage, ErrSeveral, listed(all))
	}
	var found []choice
	for _, c := range all {
		if c.digest == want || slices.ContainsFunc(c.names, func(n string) bool { return sameName(n, want) }) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return choice{}, bad("no image %.120q is in it; there is %s", want, orElse(listed(all), "none"))
	case 1:
		return found[0], nil
	}
	return choice{}, fmt.Errorf("%w: %w: called %.120q are %s; say which by its digest",
		exec.ErrImage, ErrSeveral, want, listed(found))
}

// listed names choices for people. What is not printable is quoted.
func listed(all []choice) string {
	var out []string
	for _, c := range all[:min(len(all), 20)] {
		s := fmt.Sprintf("%.80q", c.digest)
		if dg := digest.Digest(c.digest); dg.Validate() == nil {
			s = dg.String()
		}
		for _, n := range slices.Backward(c.names[:min(len(c.names), 8)]) {
			s = fmt.Sprintf("%.120q %s", n, s)
		}
		out = append(out, s)
	}
	if len(all) > len(out) {
		out = append(out, fmt.Sprintf("and %d more", len(all)-len(out)))
	}
	return strings.Join(out, ", ")
}

// familiar shortens the full name of an image as docker prints it.
func familiar(name string) string {
	for _, host := range []string{"docker.io/", "index.docker.io/"} {
		if rest, ok := strings.CutPrefix(name, host); ok {
			return strings.TrimPrefix(rest, "library/")
		}
	}
	return name
}

func sameName(a, b string) bool { return tagged(familiar(a)) == tagged(familiar(b)) }

// tagged adds the tag that a name without one means.
func tagged(name string) string {
	if strings.Contains(name[strings.LastIndex(name, "/")+1:], ":") {
		return name
	}
	return name + ":latest"
}
