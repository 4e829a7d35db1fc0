package bolt11

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcutil/bech32"

	"infernet.tech/infernet/payments/lightning/ln"
)

// The tagged fields that are read, by the value of their letter.
const (
	fieldHash            = 1  // p
	fieldFeatures        = 5  // 9
	fieldExpiry          = 6  // x
	fieldDescription     = 13 // d
	fieldSecret          = 16 // s
	fieldPayee           = 19 // n
	fieldDescriptionHash = 23 // h
	fieldCLTV            = 24 // c
)

// What holds where a field is absent.
const (
	defaultExpiry = time.Hour
	defaultCLTV   = 18
)

// known are the features (BOLT 9) that a payee may require of a payer and that
// the nodes behind the drivers have: onion TLV, payment secret, multi-part,
// AMP, route blinding, metadata. 4 and 10 occur in invoices of old.
var known = []int{4, 8, 10, 14, 16, 24, 30, 48}

// readFields fills the invoice from its tagged fields, the first of each kind,
// and returns the payee's key where one is named.
func (i *Invoice) readFields(data []byte) (named *ln.PubKey, err error) {
	i.Expiry, i.CLTVExpiry = defaultExpiry, defaultCLTV
	seen := map[byte]bool{}
	for len(data) > 0 {
		if len(data) < 3 {
			return nil, fmt.Errorf("a broken field at the end")
		}
		kind, n := data[0], int(number(data[1:3]))
		if len(data) < 3+n {
			return nil, fmt.Errorf("a field longer than the rest")
		}
		field := data[3 : 3+n]
		data = data[3+n:]
		if seen[kind] || !fits(kind, n) {
			continue
		}
		seen[kind] = true
		if kind == fieldPayee {
			b, err := octets(field)
			if err != nil {
				return nil, err
			}
			named = (*ln.PubKey)(b)
			continue
		}
		if err := i.readField(kind, field); err != nil {
			return nil, err
		}
	}
	if !seen[fieldHash] {
		return nil, fmt.Errorf("no payment hash")
	}
	i.HasDescriptionHash = seen[fieldDescriptionHash]
	return named, nil
}

// fits says whether a field of that length is to be read: hashes and keys of
// another length are for readers to come.
func fits(kind byte, n int) bool {
	switch kind {
	case fieldHash, fieldSecret, fieldDescriptionHash:
		return n == 52
	case fieldPayee:
		return n == 53
	}
	return true
}

func (i *Invoice) readField(kind byte, field []byte) error {
	switch kind {
	case fieldHash:
		return fill(i.Hash[:], field)
	case fieldSecret:
		return fill(i.Secret[:], field)
	case fieldDescriptionHash:
		return fill(i.DescriptionHash[:], field)
	case fieldDescription:
		b, err := octets(field)
		if err != nil || !utf8.Valid(b) {
			return fmt.Errorf("the description is not text")
		}
		i.Description = string(b)
	case fieldExpiry:
		n := number(field)
		if n > math.MaxInt64/uint64(time.Second) {
			return fmt.Errorf("open for %d seconds", n)
		}
		i.Expiry = time.Duration(n) * time.Second
	case fieldCLTV:
		n := number(field)
		if n > math.MaxUint32 {
			return fmt.Errorf("%d blocks for the last hop", n)
		}
		i.CLTVExpiry = uint32(n)
	case fieldFeatures:
		return i.readFeatures(field)
	}
	return nil
}

// readFeatures reads the bits, the last of which is number 0. An even one is
// required of the payer, an odd one is offered.
func (i *Invoice) readFeatures(field []byte) error {
	for at := range len(field) * 5 {
		if field[len(field)-1-at/5]&(1<<(at%5)) == 0 {
			continue
		}
		if at%2 == 0 && !slices.Contains(known, at) {
			return fmt.Errorf("it requires feature %d, which is not known here", at)
		}
		i.Features = append(i.Features, at)
	}
	return nil
}

// number reads groups of five bits as one number; one too big for 64 bits is
// the biggest there is.
func number(groups []byte) uint64 {
	var n uint64
	for _, g := range groups {
		if n > math.MaxUint64>>5 {
			return math.MaxUint64
		}
		n = n<<5 | uint64(g)
	}
	return n
}

// fill reads 256 bits.
func fill(into, field []byte) error {
	b, err := octets(field)
	copy(into, b)
	return err
}

// octets regroups five bits to eight. The bits left over are padding.
func octets(groups []byte) ([]byte, error) {
	b, err := bech32.ConvertBits(groups, 5, 8, true)
	if err != nil {
		return nil, err
	}
	return b[:len(groups)*5/8], nil
}
