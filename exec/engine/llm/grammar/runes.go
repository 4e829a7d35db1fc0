package grammar

import "unicode/utf8"

// runes are the UTF-8 forms of the characters from low to high, as few
// sequences of byte ranges.
func runes(low, high rune) [][]symbol {
	// Halves of surrogate pairs have no form.
	if low < 0xd800 && high > 0xdfff {
		return append(runes(low, 0xd7ff), runes(0xe000, high)...)
	}
	if low >= 0xd800 && low <= 0xdfff {
		low = 0xe000
	}
	if high >= 0xd800 && high <= 0xdfff {
		high = 0xd7ff
	}
	if low > high {
		return nil
	}
	for _, last := range []rune{0x7f, 0x7ff, 0xffff} {
		if low <= last && high > last {
			return append(runes(low, last), runes(last+1, high)...)
		}
	}
	// All forms are of one length now. Where the ends differ in an early byte
	// the later ones must be all there are.
	for bits := 6; bits < 6*utf8.RuneLen(low); bits += 6 {
		mask := rune(1)<<bits - 1
		if low&^mask == high&^mask {
			continue
		}
		if low&mask != 0 {
			return append(runes(low, low|mask), runes((low|mask)+1, high)...)
		}
		if high&mask != mask {
			return append(runes(low, high&^mask-1), runes(high&^mask, high)...)
		}
	}
	from, to := utf8.AppendRune(nil, low), utf8.AppendRune(nil, high)
	form := make([]symbol, len(from))
	for i := range from {
		form[i] = within(from[i], to[i])
	}
	return [][]symbol{form}
}
