package image

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"strings"

	"infernet.tech/infernet/exec"
)

// Whiteouts as of the OCI layer specification.
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// checkEntry refuses what no layer holds, whatever was unpacked before it.
func checkEntry(h *tar.Header) error {
	clean, err := cleanName(h.Name)
	if err != nil {
		return err
	}
	base := path.Base(clean)
	if hidden, ok := strings.CutPrefix(base, whiteoutPrefix); ok && base != whiteoutOpaque {
		if hidden == "" || hidden == "." || hidden == ".." {
			return bad("whiteout %.80q", base)
		}
	}
	switch h.Typeflag {
	case tar.TypeLink:
		target, err := cleanName(h.Linkname)
		if err == nil && target == clean {
			err = bad("a link to itself")
		}
		return err
	case tar.TypeSymlink:
		if len(h.Linkname) > maxPath {
			return bad("a link to a name of %d bytes", len(h.Linkname))
		}
	case tar.TypeDir, tar.TypeReg, tar.TypeGNUSparse, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader:
	default:
		return bad("entry type %q", h.Typeflag)
	}
	return nil
}

const (
	maxPath = 4096 // bytes of a name, as in Linux
	maxPart = 255  // bytes of one part of it
	maxDeep = 128  // folders above it
)

// cleanName is an entry's name relative to the image's root. A name that climbs
// out is refused.
func cleanName(name string) (string, error) {
	if len(name) > maxPath || strings.ContainsRune(name, 0) {
		return "", bad("name of %d bytes", len(name))
	}
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") || name == "" {
		return "", bad("name %.200q leads out of the image", name)
	}
	if strings.Count(clean, "/") > maxDeep {
		return "", fmt.Errorf("%w: a name with more than %d folders", exec.ErrImageTooBig, maxDeep)
	}
	for part := range strings.SplitSeq(clean, "/") {
		if len(part) > maxPart {
			return "", bad("name with a part of %d bytes", len(part))
		}
	}
	return clean, nil
}

// inspector is a sink that writes nothing and refuses what can be refused by
// looking at entries one by one.
type inspector struct{}

func (*inspector) close() {}

func (*inspector) put(h *tar.Header, content io.Reader) error {
	if err := checkEntry(h); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, content)
	return err
}
