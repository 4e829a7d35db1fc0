package tokens

import (
	"strings"
	"unicode/utf8"
)

// The expressions are written out by hand: package regexp has no lookahead,
// and matching by hand never takes more than a few looks at a character.

// next is the first character of a text, its class and its length; at the end
// the class is ended.
func (c *classes) next(text string) (rune, class, int) {
	if text == "" {
		return 0, ended, 0
	}
	if b := text[0]; b < utf8.RuneSelf {
		return rune(b), c.ascii[b], 1
	}
	r, n := utf8.DecodeRuneInString(text)
	return r, c.find(r), n
}

// set is a set of classes.
type set uint16

func of(list ...class) set {
	var s set
	for _, k := range list {
		s |= 1 << k
	}
	return s
}

func (s set) has(k class) bool { return s&(1<<k) != 0 }

// run is how many bytes at the start of a text are of the set.
func (c *classes) run(text string, s set) int {
	at := 0
	for at < len(text) {
		_, k, n := c.next(text[at:])
		if !s.has(k) {
			break
		}
		at += n
	}
	return at
}

const (
	letters set = 1 << letter
	digits  set = 1 << number
	// rest is [^\s\p{L}\p{N}].
	rest set = 1<<other | 1<<punctuation | 1<<symbol | 1<<mark
)

// contraction is 's|'t|'re|'ve|'m|'ll|'d, in capitals too where fold is set.
func contraction(text string, fold bool) int {
	if len(text) < 2 || text[0] != '\'' {
		return 0
	}
	low := func(b byte) byte {
		if fold && b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		return b
	}
	switch low(text[1]) {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(text) < 3 {
		return 0
	}
	switch string([]byte{low(text[1]), low(text[2])}) {
	case "re", "ve", "ll":
		return 3
	}
	return 0
}

// spaces is \s+(?!\S)|\s+: all but the last, which goes to the word behind,
// unless it is the only one or nothing is behind.
func (c *classes) spaces(text string) int {
	at, last := 0, 0
	for {
		_, k, n := c.next(text[at:])
		switch {
		case k == space:
			last = at
			at += n
			continue
		case k != ended && last > 0:
			return last
		}
		return at
	}
}

// lineEnds is \s*[\r\n]+: spaces up to the last end of a line among them.
func (c *classes) lineEnds(text string) int {
	return strings.LastIndexAny(text[:c.run(text, of(space))], "\r\n") + 1
}

// gpt2 is GPT-2's own: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
// ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gpt2(c *classes, text string) int {
	if n := contraction(text, false); n > 0 {
		return n
	}
	blank := 0
	if text[0] == ' ' {
		blank = 1
	}
	_, k, _ := c.next(text[blank:])
	for _, s := range []set{letters, digits, rest} {
		if s.has(k) {
			return blank + c.run(text[blank:], s)
		}
	}
	return c.spaces(text)
}

// llama3 is (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|
// \p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ with the
// number of digits that go together.
func llama3(n int) matcher {
	return func(c *classes, text string) int {
		if n := contraction(text, true); n > 0 {
			return n
		}
		r, k, width := c.next(text)
		if k == letter {
			return c.run(text, letters)
		}
		if _, behind, _ := c.next(text[width:]); behind == letter && k != number && r != '\r' && r != '\n' {
			return width + c.run(text[width:], letters)
		}
		return c.tail(text, n, rest, "\r\n")
	}
}

// tail is \p{N}{1,n}| ?[signs]+[ends]*|\s*[\r\n]+|\s+(?!\S)|\s+, in which
// most expressions end; n of 0 leaves the digits out.
func (c *classes) tail(text string, n int, signs set, ends string) int {
	_, k, _ := c.next(text)
	if k == number && n > 0 {
		return numbers(n)(c, text)
	}
	blank := 0
	if text[0] == ' ' {
		blank = 1
	}
	if m := c.run(text[blank:], signs); m > 0 {
		m += blank
		return m + len(text[m:]) - len(strings.TrimLeft(text[m:], ends))
	}
	if m := c.lineEnds(text); m > 0 {
		return m
	}
	return c.spaces(text)
}

// numbers is \p{N}{1,n}, of any length for n of 0.
func numbers(n int) matcher {
	return func(c *classes, text string) int {
		at := 0
		for i := 0; i < n || n == 0; i++ {
			_, k, width := c.next(text[at:])
			if k != number {
				break
			}
			at += width
		}
		return at
	}
}

// asciiDigits is [0-9][0-9][0-9].
func asciiDigits(_ *classes, text string) int {
	for i := range 3 {
		if i >= len(text) || text[i] < '0' || text[i] > '9' {
			return 0
		}
	}
	return 3
}

// signs is [\p{P}…]+ with some characters more.
func signs(more string) matcher {
	return func(c *classes, text string) int {
		at := 0
		for {
			r, k, n := c.next(text[at:])
			if k == ended || k != punctuation && !strings.ContainsRune(more, r) {
				return at
			}
			at += n
		}
	}
}
