package payments

import "fmt"

// Unit names what an Amount counts, in the smallest step that exists: credits,
// millisatoshi, millionths of a dollar. Two units are never exchanged here.
type Unit string

const (
	// Credits is the unit of bilateral mutual credit.
	Credits Unit = "credits"
	// MilliSat is the unit of Lightning: the thousandth part of a satoshi.
	MilliSat Unit = "msat"
	// MicroUSDC is the unit of USDC on Polygon: the token's own smallest step,
	// a millionth of a dollar.
	MicroUSDC Unit = "uusdc"
)

// MaxUnit is the longest unit in bytes.
const MaxUnit = 16

// Validate returns ErrSyntax unless u is 1 to MaxUnit lower case letters and
// digits that begin with a letter.
func (u Unit) Validate() error {
	if u == "" || len(u) > MaxUnit || u[0] < 'a' || u[0] > 'z' {
		return fmt.Errorf("unit %.20q: %w", string(u), ErrSyntax)
	}
	for _, c := range []byte(u) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("unit %.20q: %w", string(u), ErrSyntax)
		}
	}
	return nil
}
