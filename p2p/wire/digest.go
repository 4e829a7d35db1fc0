package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"

	"infernet.tech/infernet/p2p/identity"
)

// MaxOpinions is the most rows of a Digest.
const MaxOpinions = 64

// opinionSize is a row in bytes: subject, good, bad, value, day.
const opinionSize = 32 + 1 + 1 + 1 + 2

// Opinion is what a Digest says of one peer. The three amounts are logarithmic
// steps, to the nearest eighth of a doubling below; see Quantize.
type Opinion struct {
	Subject identity.PubKey
	Good    uint8  // decayed weight of countersigned successes
	Bad     uint8  // decayed weight of failures of its own fault
	Value   uint8  // what the author verified and paid to it, in reference amounts, decayed
	Day     uint16 // of the last dealing, days since 1970
}

// Digest is an author's own opinions of those it dealt with, published once a
// day. It is addressable by network (NIP-01): the newest of an author replaces
// the rest. What it is worth to others is theirs to judge.
type Digest struct {
	Network string
	Rows    []Opinion // by subject, each once; at most MaxOpinions
}

// Quantize returns the step of an amount: 8·log2(1+v), rounded down, so that
// a step never stands for more than there was. Steps end at 255, about 3.8
// billion; what is no positive number is 0.
func Quantize(v float64) uint8 {
	if !(v > 0) {
		return 0
	}
	// The power of a step is not exact: a step's own value must round to it.
	q := int(min(8*math.Log2(1+v)+1e-9, math.MaxUint8))
	return uint8(q)
}

// Unquantize returns the least amount of a step; Quantize of it is the step.
func Unquantize(q uint8) float64 { return math.Exp2(float64(q)/8) - 1 }

// Kind returns KindDigest.
func (Digest) Kind() Kind { return KindDigest }

func (m Digest) write(c codec) { m.walk(c) }

func (m *Digest) walk(c codec) {
	c.str("d", &m.Network)
	text := opinionText(m.Rows)
	c.body(&text)
	if !c.write {
		m.Rows = c.parseOpinions(text)
	}
}

// rowText is the one base64 spelling of rows: no padding, no stray bits.
var rowText = base64.RawStdEncoding.Strict()

func opinionText(rows []Opinion) string {
	b := make([]byte, 0, len(rows)*opinionSize)
	for _, r := range rows {
		b = append(append(b, r.Subject[:]...), r.Good, r.Bad, r.Value)
		b = binary.BigEndian.AppendUint16(b, r.Day)
	}
	return rowText.EncodeToString(b)
}

func (c codec) parseOpinions(text string) (rows []Opinion) {
	if len(text) > rowText.EncodedLen(MaxOpinions*opinionSize) {
		c.fail("content", "has more than %d rows", MaxOpinions)
		return nil
	}
	raw, err := rowText.DecodeString(text)
	// The decoder skips line breaks, which would be a second spelling.
	if err != nil || len(raw)%opinionSize != 0 || len(text) != rowText.EncodedLen(len(raw)) {
		c.fail("content", "is not base64 of rows of %d bytes", opinionSize)
		return nil
	}
	for ; len(raw) > 0; raw = raw[opinionSize:] {
		rows = append(rows, Opinion{
			Subject: identity.PubKey(raw[:32]), Good: raw[32], Bad: raw[33], Value: raw[34],
			Day: binary.BigEndian.Uint16(raw[35:]),
		})
	}
	return rows
}

// Validate checks every field against its limit and the order of the rows. A
// subject that is no point of the curve is nobody's key and harms nobody.
func (m Digest) Validate() error {
	var c checks
	c.token("network", m.Network)
	c.count("rows", len(m.Rows), MaxOpinions)
	for i, r := range m.Rows[:min(len(m.Rows), MaxOpinions)] {
		c.pub("rows", r.Subject)
		c.that(i == 0 || bytes.Compare(m.Rows[i-1].Subject[:], r.Subject[:]) < 0, "rows", "are out of order or repeated")
	}
	return c.err()
}

// checkAuthor refuses praise of oneself.
func (m Digest) checkAuthor(author identity.PubKey) error {
	var c checks
	for _, r := range m.Rows {
		c.that(r.Subject != author, "rows", "are of the author itself")
	}
	return c.err()
}
