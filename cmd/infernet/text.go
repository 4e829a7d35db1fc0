package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
)

// foreignMax is how many bytes of a stranger's text reach the screen.
const foreignMax = 160

// foreign prints text that another node wrote: quoted, so that it can neither
// move the cursor nor pose as ours, and cut. Plain words stay as they are.
func foreign(s string) string {
	if s == "" {
		return "-"
	}
	if len(s) <= 64 && strings.IndexFunc(s, notPlain) < 0 {
		return s
	}
	if len(s) > foreignMax {
		return strconv.QuoteToASCII(s[:foreignMax]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

func notPlain(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("._:/@+=-,", r)
}

// words is foreign for sentences made by our own node that may carry a
// stranger's words: quoted only when they hold what a terminal would obey.
// Errors of several sources come as lines and are told on one.
func words(s string) string {
	s = wholeWords(s)
	if len(s) > 4*foreignMax {
		return s[:4*foreignMax] + "…"
	}
	return s
}

// wholeWords is words without their end cut off, for commands to be copied.
func wholeWords(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) {
			return foreign(s)
		}
	}
	return s
}

// nameText is the name of content, which may begin with its author's npub: a
// whole one is what it is fetched by.
func nameText(s string) string {
	if s != "" && len(s) <= foreignMax+64 && strings.IndexFunc(s, notPlain) < 0 {
		return s
	}
	return foreign(s)
}

// pathText is a path of this machine: plain unless it would drive the terminal.
func pathText(path string) string {
	if path == "" {
		return "-"
	}
	return words(path)
}

// digestText is a digest whole, longer than other words are shown: it is what
// an image is fetched by.
func digestText(d string) string {
	if hex, ok := strings.CutPrefix(d, "sha256:"); ok && len(hex) <= 64 && strings.Trim(hex, "0123456789abcdef") == "" {
		return d
	}
	return foreign(d)
}

// short is an npub for people: its head and tail.
func short(npub string) string {
	if len(npub) < 20 {
		return foreign(npub)
	}
	return foreign(npub[:9] + ".." + npub[len(npub)-4:])
}

func shortID(id string) string {
	if len(id) > 12 {
		return foreign(id[:12])
	}
	return foreign(id)
}

// bytesText writes a size in binary units.
func bytesText(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	div, exp := uint64(unit), 0
	for m := n / unit; m >= unit; m /= unit {
		div *= unit
		exp++
	}
	return fmt.Sprintf("%.1f %ciB", float64(n)/float64(div), "KMGTPE"[exp])
}

// human writes an amount as people do: 50 sat, 0.25 USDC.
func human(m api.Amount) string {
	return words(payments.Amount{Value: m.Amount, Unit: payments.Unit(m.Unit)}.Human())
}

// ago is how long something has been so; "-" when nobody wrote it down.
func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := time.Since(t)
	if d < time.Minute {
		return d.Truncate(time.Second).String()
	}
	return d.Truncate(time.Minute).String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
