package tokens

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// class is what pre-tokenizers tell characters apart by.
type class uint8

const (
	other class = iota // controls, what is unassigned and the separators
	letter
	number
	punctuation
	symbol
	mark
	space // wins over the category
	ended // beyond the text
)

// categories.txt has the general categories of Unicode 15.1: a line for each
// range, its first code point and L, N, P, S, M or - for all else. It is a file
// and not package unicode because the models' tokenizers do not change when Go
// learns newer characters.
//
//go:embed categories.txt
var categoryFile string

// classes looks up classes of characters.
type classes struct {
	ascii  [128]class
	starts []rune
	of     []class
}

func newClasses() (*classes, error) {
	c := &classes{}
	names := map[byte]class{'L': letter, 'N': number, 'P': punctuation, 'S': symbol, 'M': mark, '-': other}
	for line := range strings.Lines(categoryFile) {
		var start rune
		var name string
		if _, err := fmt.Sscanf(line, "%X %s", &start, &name); err != nil {
			return nil, fmt.Errorf("categories.txt: %w", err)
		}
		c.starts = append(c.starts, start)
		c.of = append(c.of, names[name[0]])
	}
	for r := range c.ascii {
		c.ascii[r] = c.find(rune(r))
	}
	// llama.cpp's list of ASCII symbols lacks it.
	c.ascii['~'] = other
	return c, nil
}

func (c *classes) find(r rune) class {
	if isSpace(r) {
		return space
	}
	i, exact := slices.BinarySearch(c.starts, r)
	if !exact {
		i--
	}
	return c.of[max(i, 0)]
}

// isSpace is \s as the pre-tokenizers mean it.
func isSpace(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}
