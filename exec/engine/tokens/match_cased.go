package tokens

import "strings"

// cased is the family of GPT-4o and Tekken, where a word ends before a capital:
//
//	[^\r\n\p{L}\p{N}]?X*Y+S?|[^\r\n\p{L}\p{N}]?X+Y*S?|\p{N}{1,n}|
//	?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// X is a letter but a-z, Y one but A-Z, as llama.cpp has them: it knows the
// case of no other letters. S is a contraction, for those with suffixes.
func cased(n int, suffixes bool) matcher {
	return func(c *classes, text string) int {
		r, k, before := c.next(text)
		switch {
		case k == letter:
			before = 0
		case k == number || r == '\r' || r == '\n':
			return c.tail(text, n, rest, "\r\n/")
		}
		m := c.word(text[before:])
		if m == 0 {
			return c.tail(text, n, rest, "\r\n/")
		}
		m += before
		if suffixes {
			m += contraction(text[m:], true)
		}
		return m
	}
}

// word is X*Y+|X+Y*. The first X take all they can and give back from the end
// until a Y follows.
func (c *classes) word(text string) int {
	upper, lastBoth := 0, -1 // lastBoth: where the last X stands that is a Y too
	for {
		r, k, n := c.next(text[upper:])
		if k != letter || r >= 'a' && r <= 'z' {
			break
		}
		if r < 'A' || r > 'Z' {
			lastBoth = upper
		}
		upper += n
	}
	if m := c.lower(text[upper:]); m > 0 {
		return upper + m
	}
	if lastBoth >= 0 {
		return lastBoth + c.lower(text[lastBoth:])
	}
	return upper
}

// lower is Y*.
func (c *classes) lower(text string) int {
	at := 0
	for {
		r, k, n := c.next(text[at:])
		if k != letter || r >= 'A' && r <= 'Z' {
			return at
		}
		at += n
	}
}

// cjk is the second stage of DeepSeek-V3: ideographs and kana.
func cjk(c *classes, text string) int {
	at := 0
	for {
		r, _, n := c.next(text[at:])
		if (r < 0x4E00 || r > 0x9FA5) && (r < 0x3040 || r > 0x30FF) {
			return at
		}
		at += n
	}
}

// deepseek3 is its third: [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|
// [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|
// \s+(?!\S)|\s+
func deepseek3(c *classes, text string) int {
	r, k, width := c.next(text)
	if strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
		at := 1
		for at < len(text) && (text[at]|0x20 >= 'a' && text[at]|0x20 <= 'z') {
			at++
		}
		if at > 1 {
			return at
		}
	}
	words := of(letter, mark)
	if words.has(k) {
		return c.run(text, words)
	}
	if k != punctuation && k != symbol && r != '\r' && r != '\n' {
		if m := c.run(text[width:], words); m > 0 {
			return width + m
		}
	}
	return c.tail(text, 0, of(punctuation, symbol), "\r\n")
}
