package bolt11

import (
	"fmt"
	"strconv"
	"strings"

	"infernet.tech/infernet/payments/lightning/ln"
)

// msatPerBTC is how many millisatoshi a coin has.
const msatPerBTC = 1e11

// parseAmount reads digits and a multiplier into millisatoshi, exactly or not at
// all.
func parseAmount(s string) (uint64, error) {
	digits, per := s, uint64(msatPerBTC)
	switch s[len(s)-1] {
	case 'm':
		per = msatPerBTC / 1e3
	case 'u':
		per = msatPerBTC / 1e6
	case 'n':
		per = msatPerBTC / 1e9
	case 'p':
		// A tenth of a millisatoshi: the last digit must be 0 and says nothing.
		per = 1
		if digits = s[:len(s)-1]; digits[len(digits)-1] != '0' {
			return 0, fmt.Errorf("the amount %.30q is not exact in millisatoshi", s)
		}
	}
	if per != msatPerBTC {
		digits = digits[:len(digits)-1]
	}
	if strings.Trim(digits, "0123456789") != "" || digits == "" || digits[0] == '0' { // ParseUint would take a sign
		return 0, fmt.Errorf("the amount %.30q is no positive whole number", s)
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > ln.MaxMsat/per {
		return 0, fmt.Errorf("the amount %.30q is more than there is", s)
	}
	return n * per, nil
}
