package compare

import (
	"context"
	"math"
	"slices"
	"strconv"
)

// walk goes through two checked documents side by side.
type walk struct {
	a, b scanner
	to   sink
}

// compareJSON hands the numbers of two documents to a sink. All else must be
// equal; the order of keys, white space and how text is escaped are not looked at.
func compareJSON(ctx context.Context, a, b []byte, to sink) error {
	if err := readable(checkJSON(a), checkJSON(b)); err != nil {
		return err
	}
	w := walk{a: scanner{raw: a}, b: scanner{raw: b}, to: to}
	return w.value(ctx)
}

func (w *walk) value(ctx context.Context) error {
	a, b := w.a.space(), w.b.space()
	switch {
	case a == '{' && b == '{':
		return w.object(ctx)
	case a == '[' && b == '[':
		return w.list(ctx)
	case a == '"' && b == '"':
		x, _ := w.a.text()
		y, _ := w.b.text()
		if x != y {
			return differ("%.60q and %.60q", min(x, y), max(x, y))
		}
		return nil
	case a == '{' || b == '{' || a == '[' || b == '[' || a == '"' || b == '"':
		return differ("values of different kinds")
	}
	return w.scalar()
}

func (w *walk) scalar() error {
	x, y := string(w.a.word()), string(w.b.word())
	vx, intX, numX := parseNumber(x)
	vy, intY, numY := parseNumber(y)
	switch {
	case !numX || !numY:
		if x != y {
			return differ("%.60q and %.60q", min(x, y), max(x, y))
		}
	case intX && intY:
		w.to.whole(vx, vy, x == y || vx == 0 && vy == 0)
	default:
		w.to.number(vx, vy, wide)
	}
	return nil
}

// parseNumber reads a number of a checked document. What is too large for a
// float is infinite.
func parseNumber(s string) (v float64, whole, ok bool) {
	switch s {
	case "NaN":
		return math.NaN(), false, true
	case "Infinity":
		return math.Inf(1), false, true
	case "-Infinity":
		return math.Inf(-1), false, true
	case "true", "false", "null", "":
		return 0, false, false
	}
	v, _ = strconv.ParseFloat(s, 64)
	whole = true
	for i := range len(s) {
		whole = whole && (s[i] == '-' || s[i] >= '0' && s[i] <= '9')
	}
	return v, whole, true
}

func (w *walk) list(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.to.open()
	defer w.to.close()
	w.a.pos++
	w.b.pos++
	for {
		endA, endB := w.a.space() == ']', w.b.space() == ']'
		if endA || endB {
			w.a.pos++
			w.b.pos++
			if !endA || !endB {
				return differ("lists of different length")
			}
			return nil
		}
		if err := w.value(ctx); err != nil {
			return err
		}
		w.a.comma()
		w.b.comma()
	}
}

func (s *scanner) comma() {
	if s.space() == ',' {
		s.pos++
	}
}

// key reads a key with its colon; false at the end of the object.
func (s *scanner) key() (string, bool) {
	if s.space() == '}' {
		return "", false
	}
	k, _ := s.text()
	s.space()
	s.pos++
	return k, true
}

func (w *walk) object(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.a.pos++
	w.b.pos++
	for {
		startA, startB := w.a.pos, w.b.pos
		ka, moreA := w.a.key()
		kb, moreB := w.b.key()
		switch {
		case !moreA && !moreB:
			w.a.pos++
			w.b.pos++
			return nil
		case !moreA || !moreB || ka != kb:
			w.a.pos, w.b.pos = startA, startB
			return w.shuffled(ctx)
		}
		if err := w.value(ctx); err != nil {
			return err
		}
		w.a.comma()
		w.b.comma()
	}
}

// shuffled compares the rest of two objects by their sorted keys.
func (w *walk) shuffled(ctx context.Context) error {
	ma, mb := w.a.rest(), w.b.rest()
	names := make([]string, 0, len(ma))
	for k := range ma {
		if _, ok := mb[k]; !ok {
			return differ("only one has the key %.60q", k)
		}
		names = append(names, k)
	}
	if len(mb) > len(ma) {
		return differ("objects with different keys")
	}
	slices.Sort(names)
	endA, endB := w.a.pos, w.b.pos
	for _, k := range names {
		w.a.pos, w.b.pos = ma[k], mb[k]
		if err := w.value(ctx); err != nil {
			return err
		}
	}
	w.a.pos, w.b.pos = endA, endB
	return nil
}

// rest tells where the values of an object's remaining keys begin, and moves
// behind the object.
func (s *scanner) rest() map[string]int {
	at := map[string]int{}
	for {
		k, more := s.key()
		if !more {
			s.pos++
			return at
		}
		at[k] = s.pos
		s.skip()
		s.comma()
	}
}

// skip moves behind a value of a checked document.
func (s *scanner) skip() {
	depth := 0
	for {
		switch s.space() {
		case '{', '[':
			depth++
			s.pos++
		case '}', ']':
			depth--
			s.pos++
		case '"':
			s.pos++
			for s.raw[s.pos] != '"' {
				if s.raw[s.pos] == '\\' {
					s.pos++
				}
				s.pos++
			}
			s.pos++
		case ',', ':':
			s.pos++
			continue
		default:
			s.word()
		}
		if depth == 0 {
			return
		}
	}
}
