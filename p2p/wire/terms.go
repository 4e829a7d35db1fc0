package wire

// PayTermsAsk asks a peer how it wants to be paid on a rail, and what its books
// say of the one who asks.
type PayTermsAsk struct {
	Rail string
	// Channel introduces a channel on a chain to the payee, before anything is
	// paid through it; none where that is not meant.
	Channel string
	// Proof is by the channel's signer: that this author pays this payee through
	// it. 65 bytes in lower-case hex.
	Proof string
}

// Kind returns KindPayTermsAsk.
func (PayTermsAsk) Kind() Kind { return KindPayTermsAsk }

func (m PayTermsAsk) write(c codec) { m.walk(c) }

func (m *PayTermsAsk) walk(c codec) {
	c.str("rail", &m.Rail)
	c.opt().str("channel", &m.Channel)
	c.opt().str("sig", &m.Proof)
}

// Validate checks every field against its limit.
func (m PayTermsAsk) Validate() error {
	var c checks
	c.token("rail", m.Rail)
	c.tokenOr("channel", m.Channel)
	c.that((m.Channel == "") == (m.Proof == ""), "sig", "is of a channel, and a channel has one")
	if m.Proof != "" {
		var raw [voucherSig / 2]byte
		c.that(parseHex(raw[:], m.Proof) == nil, "sig", "is not 65 bytes of hex")
	}
	return c.err()
}

// PayTerms answers a PayTermsAsk: where its author, the payee, is paid, how much
// it lets the one who asked owe, and both channels between them as it has them.
// Being signed it is evidence of what was promised and of what the books said.
type PayTerms struct {
	Ask      ID     // the PayTermsAsk
	Rail     string //
	Unit     string // of all amounts here
	Network  string // which chain or network the money is on; none for credit
	Account  string // where to pay: a node's public key, an address; none for credit
	Contract string // the contract that holds channels, where there is one
	Least    uint64 // the least that is settled at once; less is left to add up
	Limit    uint64 // how much may be owed before it is settled
	Delay    uint64 // the shortest delay of a channel's withdrawal, in seconds
	Seq      uint64 // the last note of the one who asked that was decided
	Owed     uint64 // the total of its notes
	Settled  uint64 // how much of that was made good
	Root     ID     // the chain of the notes that make up Owed
	BackSeq  uint64 // the author's own last note to the one who asked
	Back     uint64 // and their total
	Cover    uint64 // how much more than Limit may be owed now, since channels hold it
	MaxCover uint64 // the most that Cover comes to, however much channels hold
}

// Kind returns KindPayTerms.
func (PayTerms) Kind() Kind { return KindPayTerms }

func (m PayTerms) write(c codec) { m.walk(c) }

func (m *PayTerms) walk(c codec) {
	c.id("e", &m.Ask)
	c.str("rail", &m.Rail)
	c.str("unit", &m.Unit)
	c.opt().str("network", &m.Network)
	c.opt().str("account", &m.Account)
	c.opt().str("contract", &m.Contract)
	c.opt().u64("least", &m.Least)
	c.u64("limit", &m.Limit)
	c.opt().u64("delay", &m.Delay)
	c.opt().u64("seq", &m.Seq)
	c.opt().u64("owed", &m.Owed)
	c.opt().u64("settled", &m.Settled)
	c.opt().id("root", &m.Root)
	c.opt().u64("back_seq", &m.BackSeq)
	c.opt().u64("back", &m.Back)
	c.opt().u64("cover", &m.Cover)
	c.opt().u64("max_cover", &m.MaxCover)
}

// Validate checks every field against its limit.
func (m PayTerms) Validate() error {
	var c checks
	c.id("ask", m.Ask)
	c.money(m.Unit, m.Rail)
	c.tokenOr("network", m.Network)
	c.tokenOr("account", m.Account)
	c.tokenOr("contract", m.Contract)
	c.max("least", m.Least, maxAmount)
	c.max("limit", m.Limit, maxAmount)
	c.max("delay", m.Delay, maxDurationMS/1000)
	c.max("seq", m.Seq, maxAmount)
	c.max("owed", m.Owed, maxAmount)
	c.that(m.Settled <= m.Owed, "settled", "is over what was owed")
	c.max("back_seq", m.BackSeq, maxAmount)
	c.max("back", m.Back, maxAmount)
	c.max("max_cover", m.MaxCover, maxAmount)
	c.that(m.Cover <= m.MaxCover, "cover", "is over the most that it comes to")
	return c.err()
}
