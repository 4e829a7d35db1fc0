package chat

import "unicode"

// maxRun is how many characters of one kind a tokenizer is given in a row.
const maxRun = 1024

// Stretches cuts a text where more than a thousand letters, spaces or signs
// follow each other. llama.cpp finds the words of byte-level BPE with regular
// expressions that need stack for each character: some 20,000 letters end the
// process, and the time grows with the square. Who counts tokens cuts likewise,
// before anything else is done to the text.
func Stretches(text string) []string {
	if len(text) <= maxRun {
		return []string{text}
	}
	var out []string
	from, run, last := 0, 0, -1
	for at, r := range text {
		// A mark goes with letters in some expressions, with signs in others.
		if k := sort(r); k != last && k >= 0 {
			last, run = k, 0
		}
		if run++; run > maxRun {
			out = append(out, text[from:at])
			from, run = at, 1
		}
	}
	return append(out, text[from:])
}

// sort is what expressions tell apart: -1 for marks.
func sort(r rune) int {
	switch {
	case unicode.IsMark(r):
		return -1
	case unicode.IsLetter(r):
		return 0
	case unicode.IsNumber(r):
		return 1
	case unicode.IsSpace(r):
		return 2
	}
	return 3
}
