package payments

import (
	"fmt"
	"strconv"
	"strings"
)

// scale is how people write a unit: name, where one of it is ten to the digits
// of the unit's own smallest step.
type scale struct {
	name   string
	unit   Unit
	digits int
}

// scales are tried in order; the first of a unit is how Human prints it.
var scales = [...]scale{
	{"credits", Credits, 0}, {"credit", Credits, 0},
	{"sat", MilliSat, 3}, {"sats", MilliSat, 3}, {"msat", MilliSat, 0}, {"btc", MilliSat, 11},
	{"usdc", MicroUSDC, 6}, {"uusdc", MicroUSDC, 0},
}

// maxHuman is the longest text of an amount in bytes.
const maxHuman = 64

// ParseHuman reads an amount as people write it: "12 credits", "50 sat",
// "1.5 sat", "50000 msat", "0.00001 BTC", "0.25 USDC", "250000 uusdc". It is
// exact: a number with more places than the unit has, a sign, an exponent, a
// separator of thousands or an unknown unit is ErrSyntax, and one that is too
// large ErrOverflow. Upper and lower case are the same.
func ParseHuman(s string) (Amount, error) {
	bad := fmt.Errorf("amount %.40q: %w", s, ErrSyntax)
	num, name, ok := strings.Cut(s, " ")
	if !ok || len(s) > maxHuman {
		return Amount{}, bad
	}
	for _, sc := range scales {
		if strings.EqualFold(name, sc.name) {
			v, err := fixed(num, sc.digits)
			if err != nil {
				return Amount{}, fmt.Errorf("amount %.40q: %w", s, err)
			}
			a := Amount{Value: v, Unit: sc.unit}
			return a, a.Validate()
		}
	}
	return Amount{}, bad
}

// ParsePrice reads an amount as ParseHuman does, or digits alone, which are
// credits.
func ParsePrice(s string) (Amount, error) {
	if isDigits(s) {
		s += " " + string(Credits)
	}
	return ParseHuman(s)
}

// fixed reads a decimal number times ten to the digits, exactly.
func fixed(s string, digits int) (uint64, error) {
	whole, frac, point := strings.Cut(s, ".")
	if !isDigits(whole) || point && !isDigits(frac) || len(frac) > digits || len(whole) > 1 && whole[0] == '0' {
		return 0, ErrSyntax
	}
	v, err := strconv.ParseUint(whole+frac+strings.Repeat("0", digits-len(frac)), 10, 64)
	if err != nil {
		return 0, ErrOverflow // nothing but digits is in it
	}
	return v, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Human returns the amount as people write it, exactly, and as ParseHuman reads
// it back: "12 credits", "1.5 sat", "0.25 USDC".
func (a Amount) Human() string {
	name, digits := string(a.Unit), 0
	switch a.Unit {
	case MilliSat:
		name, digits = "sat", 3
	case MicroUSDC:
		name, digits = "USDC", 6
	}
	s := strconv.FormatUint(a.Value, 10)
	if digits == 0 {
		return s + " " + name
	}
	if len(s) <= digits {
		s = strings.Repeat("0", digits-len(s)+1) + s
	}
	frac := strings.TrimRight(s[len(s)-digits:], "0")
	if s = s[:len(s)-digits]; frac != "" {
		s += "." + frac
	}
	return s + " " + name
}
