package wire

// voucherSig is the hex digits of a voucher's signature: r, s and v of the
// curve secp256k1, 65 bytes.
const voucherSig = 130

// Voucher makes what is owed by notes good out of a payment channel on a chain.
// What the chain acts on is Signature, over the channel, the sum and the root
// (EIP-712); the rest tells the payee where to look. It is answered by a
// Countersign. One of nothing is a payee's: it signs that a channel through
// which nothing was paid may end so.
type Voucher struct {
	Rail       string
	Network    string
	Contract   string
	Channel    string // on the chain
	Cumulative uint64 // all that was ever payable out of the channel, in the rail's unit
	Total      uint64 // of the account's notes that are good with it
	Root       ID     // the chain of those notes
	Signature  string // 65 bytes in lower-case hex
}

// Kind returns KindVoucher.
func (Voucher) Kind() Kind { return KindVoucher }

func (m Voucher) write(c codec) { m.walk(c) }

func (m *Voucher) walk(c codec) {
	c.str("rail", &m.Rail)
	c.str("network", &m.Network)
	c.str("contract", &m.Contract)
	c.str("channel", &m.Channel)
	c.u64("cumulative", &m.Cumulative)
	c.u64("total", &m.Total)
	c.id("root", &m.Root)
	c.str("sig", &m.Signature)
}

// Validate checks every field against its limit.
func (m Voucher) Validate() error {
	var c checks
	c.token("rail", m.Rail)
	c.token("network", m.Network)
	c.token("contract", m.Contract)
	c.token("channel", m.Channel)
	c.that((m.Cumulative > 0) == (m.Total > 0), "amount", "is zero")
	c.max("cumulative", m.Cumulative, maxAmount)
	c.max("total", m.Total, maxAmount)
	c.id("root", m.Root)
	var raw [voucherSig / 2]byte
	c.that(parseHex(raw[:], m.Signature) == nil, "sig", "is not 65 bytes of hex")
	return c.err()
}
