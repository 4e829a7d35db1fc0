package grammar

import (
	"encoding/json"
	"slices"
	"strconv"
)

// most is the largest whole number that is written: 16 digits.
const most = 10_000_000_000_000_000 - 1

// bounds are the keywords that bound a number.
func bounds() []string {
	return []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}
}

// bounded says whether a schema bounds its numbers.
func bounded(t *tree) bool {
	return slices.ContainsFunc(bounds(), func(key string) bool { return t.member(key) != nil })
}

// integerOf is a whole number within the schema's bounds.
func (c *compiler) integerOf(t *tree, at string) int32 {
	if !bounded(t) {
		return c.anyInteger()
	}
	low, high := int64(-most), int64(most)
	for _, key := range bounds() {
		v := t.member(key)
		if v == nil {
			continue
		}
		number, _ := v.scalar.(json.Number)
		n, err := number.Int64()
		if err != nil || n < -most || n > most {
			return c.wrong(at, "%s is not a whole number of at most 16 digits", key)
		}
		switch key {
		case "minimum":
			low = max(low, n)
		case "exclusiveMinimum":
			low = max(low, n+1)
		case "maximum":
			high = min(high, n)
		case "exclusiveMaximum":
			high = min(high, n-1)
		}
	}
	if low > high {
		return c.wrong(at, "no number is within the bounds")
	}
	var out [][]symbol
	if low < 0 {
		for _, digits := range decimals(max(1, -high), -low) {
			out = append(out, append(text("-"), digits...))
		}
	}
	if high >= 0 {
		out = append(out, decimals(max(0, low), high)...)
	}
	return c.rule(out...)
}

// numberOf is any number, or one of at least 0: other bounds of fractions are
// not kept to.
func (c *compiler) numberOf(t *tree, at string) int32 {
	if !bounded(t) {
		return c.anyNumber()
	}
	floor := t.member("minimum")
	if floor == nil || floor.scalar != json.Number("0") || t.member("maximum") != nil || t.member("exclusiveMinimum") != nil || t.member("exclusiveMaximum") != nil {
		return c.wrong(at, "the only bound of numbers that is supported is a minimum of 0")
	}
	return c.rule(seq(c.digits(), c.fraction()))
}

// decimals are the whole numbers from low to high, neither negative, as few
// sequences of digits.
func decimals(low, high int64) [][]symbol {
	from, to := strconv.FormatInt(low, 10), strconv.FormatInt(high, 10)
	if len(from) < len(to) {
		last := int64(1)
		for range len(from) {
			last *= 10
		}
		return append(decimals(low, last-1), decimals(last, high)...)
	}
	// Where the ends differ in an early digit the later ones must be all
	// there are.
	for unit := int64(10); unit <= high; unit *= 10 {
		if low/unit == high/unit {
			continue
		}
		if rest := low % unit; rest != 0 {
			return append(decimals(low, low-rest+unit-1), decimals(low-rest+unit, high)...)
		}
		if rest := high % unit; rest != unit-1 {
			return append(decimals(low, high-rest-1), decimals(high-rest, high)...)
		}
	}
	form := make([]symbol, len(from))
	for i := range from {
		form[i] = within(from[i], to[i])
	}
	return [][]symbol{form}
}
