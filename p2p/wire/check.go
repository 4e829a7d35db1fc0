package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"infernet.tech/infernet/p2p/identity"
)

// Limits on fields, common to all kinds. They are far above honest use and
// keep sums, products and screens safe.
const (
	maxShards     = 1 << 20
	maxAttempts   = 1 << 16
	maxAmount     = 1 << 62 // two of them still add up in 64 bits
	maxBytes      = 1 << 53 // 8 PiB; exact in a JSON number too
	maxCPUMillis  = 1 << 22 // 4,194 cores
	maxPIDs       = 1 << 22 // the kernel's own limit
	maxGPUs       = 64
	maxDurationMS = 366 * 24 * 3600 * 1000
	maxUnix       = 1 << 38 // year 10680
	maxName       = 128
	maxToken      = 200 // a hardware class names an engine's digest
)

// MaxText is the most bytes of a text for people, such as a reason.
const MaxText = 1024

// Printable returns s fit for a text field: cut to MaxText bytes between
// characters, with a space for each character that may not stand there, such
// as the line breaks of joined errors.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s[:min(len(s), 4*MaxText)])
	if len(s) <= MaxText {
		return s
	}
	end := MaxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// checks collects what is wrong with a message. Values are never quoted whole:
// they are a stranger's.
type checks struct{ errs []error }

func (c *checks) err() error { return errors.Join(c.errs...) }

func (c *checks) that(ok bool, field, want string) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("%w: %s %s", ErrInvalid, field, want))
	}
}

func (c *checks) id(field string, v ID) { c.that(!v.IsZero(), field, "is missing") }

func (c *checks) pub(field string, v identity.PubKey) { c.that(!v.IsZero(), field, "is missing") }

func (c *checks) max(field string, v, limit uint64) {
	if v > limit {
		c.that(false, field, fmt.Sprintf("is over %d", limit))
	}
}

func (c *checks) count(field string, n, limit int) {
	if n > limit {
		c.that(false, field, fmt.Sprintf("has more than %d elements", limit))
	}
}

// slot checks what names one execution: job, shard, attempt.
func (c *checks) slot(job ID, shard, attempt uint32) {
	c.id("job", job)
	c.that(shard < maxShards, "shard", "is out of range")
	c.that(attempt < maxAttempts, "attempt", "is out of range")
}

// text checks printable text of at most limit bytes; it may be empty. Control
// and formatting characters (bidirectional overrides among them) are out: the
// text ends on somebody's terminal.
func (c *checks) text(field, s string, limit int) {
	c.that(len(s) <= limit, field, fmt.Sprintf("is longer than %d bytes", limit))
	c.that(len(s) > limit || printable(s, ""), field, "is not printable text")
}

func printable(s, also string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && !strings.ContainsRune(also, r) {
			return false
		}
	}
	return true
}

// token checks a non-empty machine word of letters, digits and ._:/+@=,-
func (c *checks) token(field, s string) {
	c.that(s != "" && len(s) <= maxToken && isToken(s), field, "is not a plain word")
}

// tokenOr checks a machine word that may be empty.
func (c *checks) tokenOr(field, s string) {
	if s != "" {
		c.token(field, s)
	}
}

func (c *checks) tokens(field string, list []string, limit int) {
	c.count(field, len(list), limit)
	for _, s := range list[:min(len(list), limit)] {
		c.token(field, s)
	}
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !alphanumeric(c) && !strings.ContainsRune("._:/+@=,-", rune(c)) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// money checks an amount's unit and the rail it moves on.
func (c *checks) money(unit, rail string) {
	c.token("unit", unit)
	c.token("rail", rail)
}

// oneOf checks that s is one of a few words.
func (c *checks) oneOf(field, s string, words ...string) {
	c.that(slices.Contains(words, s), field, "is none of "+strings.Join(words, " "))
}

// digest checks an OCI digest: sha256: and 64 lower-case hex digits.
func (c *checks) digest(field, s string) {
	hex, ok := strings.CutPrefix(s, "sha256:")
	var sum ID
	c.that(ok && parseHex(sum[:], hex) == nil, field, "is not a sha256 digest")
}

// cid checks a CID in its one spelling: version 1, base32, raw or dag-pb,
// sha2-256.
func (c *checks) cid(field, s string) { c.that(isCID(s), field, "is not a CID") }

// cidOr checks a CID that may be empty.
func (c *checks) cidOr(field, s string) {
	if s != "" {
		c.cid(field, s)
	}
}

func isCID(s string) bool {
	if len(s) != 59 { // the length of every CID of this profile
		return false
	}
	id, err := cid.Decode(s)
	if err != nil || id.String() != s {
		return false
	}
	p := id.Prefix()
	return p.Version == 1 && (p.Codec == cid.Raw || p.Codec == cid.DagProtobuf) &&
		p.MhType == multihash.SHA2_256 && p.MhLength == 32
}

// unix checks a time in seconds; it must be there.
func (c *checks) unix(field string, t int64) {
	c.that(t > 0 && t < maxUnix, field, "is not a time")
}

// span checks two times in milliseconds, in order.
func (c *checks) span(start, end int64) {
	c.that(start > 0 && end >= start && end < maxUnix*1000, "times", "are out of order or range")
}

// unique checks that no element is zero or occurs twice.
func unique[T comparable](c *checks, field string, list []T, limit int) {
	c.count(field, len(list), limit)
	seen := make(map[T]bool, min(len(list), limit))
	for _, e := range list[:min(len(list), limit)] {
		var zero T
		c.that(e != zero && !seen[e], field, "has an empty or repeated element")
		seen[e] = true
	}
}
