package blob

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"
)

// maxName is the longest entry name in bytes, what common file systems hold.
const maxName = 255

// checkName holds the rule for entries of a folder, the same when a folder is
// added and when a stranger's is exported: one plain component, printable,
// UTF-8, that no file system of ours reads as a path.
func checkName(name string) error {
	bad := name == "" || len(name) > maxName || name == "." || name == ".." ||
		!utf8.ValidString(name) || strings.ContainsAny(name, `/\`) ||
		strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f })
	if !bad && runtime.GOOS == "windows" {
		bad = !filepath.IsLocal(name) || strings.ContainsAny(name, `:*?"<>|`) || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ")
	}
	if bad {
		return fmt.Errorf("%w: %.64q", ErrName, name)
	}
	return nil
}
