package gpu

import "strings"

// Bounds of texts that are shown, in bytes.
const (
	maxName   = 64
	maxReason = 240
)

// clean makes a foreign text fit for a line of a terminal, a log or a signed
// offer: printable ASCII, single spaces, at most limit bytes.
func clean(s string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			space = b.Len() > 0
			continue
		case r < ' ' || r > '~':
			r = '?'
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		if b.WriteByte(byte(r)); b.Len() >= limit {
			break
		}
	}
	return b.String()[:min(b.Len(), limit)]
}
