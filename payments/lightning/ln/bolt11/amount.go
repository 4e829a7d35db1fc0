package bolt11

import (
	"fmt"
	"strconv"

	"infernet.tech/infernet/payments/lightning/ln"
)

// msatPerBTC is how many millisatoshi a coin has.
const msatPerBTC = 1e11

// parseAmount reads digits and a multiplier into millisatoshi, exactly or not at
// all.
func parseAmount(s string) (uint64, error) {
	digits, per := s, uint64(msatPerBTC)
	tenths := false
	switch s[len(s)-1] {
	case 'm':
		per = msatPerBTC / 1e3
	case 'u':
		per = msatPerBTC / 1e6
	case 'n':
		per = msatPerBTC / 1e9
	case 'p':
		per, tenths = 1, true
	}
	if per != msatPerBTC {
		digits = s[:len(s)-1]
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' { // ParseUint would take a sign or a prefix
			return 0, fmt.Errorf("the amount %.30q is no number", s)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case err != nil || digits[0] == '0':
		return 0, fmt.Errorf("the amount %.30q is no positive whole number", s)
	case tenths && n%10 != 0:
		return 0, fmt.Errorf("the amount %.30q is less than a millisatoshi exact", s)
	case tenths:
		n /= 10
	}
	if n > ln.MaxMsat/per {
		return 0, fmt.Errorf("the amount %.30q is more than there is", s)
	}
	return n * per, nil
}
