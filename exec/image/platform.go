package image

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// maxDepth is how deep indexes may lie in indexes below the first.
const maxDepth = 2

// child is a manifest that an index names, at any depth.
type child struct {
	digest   string
	platform *ocispec.Platform // nil: nobody says
}

// thisMachine is what this machine's containers run: Linux, whatever the
// machine itself does.
func thisMachine() ocispec.Platform {
	p := platforms.DefaultSpec()
	return ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH, Variant: p.Variant}
}

// children lists the images below an index in its order. What an index says of
// platforms goes before what their configs say.
func (b blobs) children(index document, lim Limits, depth int) ([]child, error) {
	var all []child
	for _, d := range index.Manifests {
		if !isImage(d) {
			continue
		}
		c := child{d.Digest.String(), d.Platform}
		if nested := d.MediaType == ocispec.MediaTypeImageIndex || d.MediaType == dockerIndex; nested || c.platform == nil {
			doc, err := b.document(c.digest, lim)
			switch {
			case absent(err):
				continue
			case err != nil:
				return nil, err
			case doc.index && depth >= maxDepth:
				return nil, bad("index within index within index")
			case doc.index:
				below, err := b.children(doc, lim, depth+1)
				if err != nil {
					return nil, err
				}
				all = append(all, below...)
				continue
			}
			if config, err := b.config(*doc.Config, lim); err == nil && config.OS != "" {
				c.platform = &config.Platform
			}
		}
		all = append(all, c)
		if len(all) > lim.Manifests {
			return nil, fmt.Errorf("%w: more than %d images below an index", exec.ErrImageTooBig, lim.Manifests)
		}
	}
	return all, nil
}

// choose takes the image that fits the machine best, the first of those that
// fit alike, as other runtimes do.
func choose(all []child, machine ocispec.Platform) (string, error) {
	fits := platforms.Only(machine)
	var best *child
	for i, c := range all {
		if c.platform != nil && (c.platform.OS != machine.OS || !sameArch(*c.platform, machine) || !fits.Match(*c.platform)) {
			continue
		}
		if best == nil || c.platform != nil && (best.platform == nil || fits.Less(*c.platform, *best.platform)) {
			best = &all[i]
		}
	}
	if best != nil {
		return best.digest, nil
	}
	var names []string
	for _, c := range all[:min(len(all), 20)] {
		names = append(names, platformName(*c.platform)) // one of no platform would have been taken
	}
	return "", fmt.Errorf("%w: %w: it is for %s, and this machine is %s",
		exec.ErrImage, ErrPlatform, orElse(strings.Join(slices.Compact(names), ", "), "no platform"), platformName(machine))
}

// sameArch leaves out that one processor also runs the programs of another,
// such as 386 on amd64: the sandbox is made for one.
func sameArch(p, machine ocispec.Platform) bool {
	return platforms.Normalize(p).Architecture == machine.Architecture
}

// platformName is a platform as people write it: linux/arm/v7. Its parts are a
// stranger's; what is not said is left out.
func platformName(p ocispec.Platform) string {
	parts := []string{orElse(p.OS, "linux")}
	for _, s := range []string{p.Architecture, p.Variant} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	for i, s := range parts {
		s = s[:min(len(s), 32)]
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			s = fmt.Sprintf("%q", s)
		}
		parts[i] = s
	}
	return strings.Join(parts, "/")
}
