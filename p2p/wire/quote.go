package wire

// Rate is a price: Base for each shard and PerUnit for each unit of work in
// it, both in the unit named beside it.
type Rate struct {
	Base    uint64
	PerUnit uint64
}

// Quote is a provider's answer to a JobOffer: what a shard costs, and how soon
// and how many. It holds until Expires.
type Quote struct {
	Offer      ID // id of the JobOffer's document
	Job        ID
	Price      Rate // in Unit
	Unit       string
	Rail       string
	Slots      uint32 // shards it would run at once
	ETAMS      uint64 // until the first shard would start
	Class      string // hardware class; equal classes give equal bits
	CreditLeft uint64 // how much more it would be owed by the asker, in Unit
	Expires    int64  // unix seconds
	HasImage   bool   // the image needs no transfer
	HasModel   bool   // the model needs no transfer
}

// Kind returns KindQuote.
func (Quote) Kind() Kind { return KindQuote }

func (m Quote) write(c codec) { m.walk(c) }

func (m *Quote) walk(c codec) {
	c.id("offer", &m.Offer)
	c.id("job", &m.Job)
	c.u64("base", &m.Price.Base)
	c.u64("per_unit", &m.Price.PerUnit)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.u32("slots", &m.Slots)
	c.u64("eta", &m.ETAMS)
	c.opt().str("class", &m.Class)
	c.u64("credit", &m.CreditLeft)
	c.i64(tagExpiration, &m.Expires)
	c.flag("has_image", &m.HasImage)
	c.flag("has_model", &m.HasModel)
}

// Validate checks every field against its limit.
func (m Quote) Validate() error {
	var c checks
	c.id("offer", m.Offer)
	c.id("job", m.Job)
	c.max("base", m.Price.Base, maxAmount)
	c.max("per_unit", m.Price.PerUnit, maxAmount)
	c.money(m.Unit, m.Rail)
	c.max("slots", uint64(m.Slots), maxShards)
	c.max("eta", m.ETAMS, maxDurationMS)
	c.tokenOr("class", m.Class)
	c.max("credit", m.CreditLeft, maxAmount)
	c.unix("expires", m.Expires)
	return c.err()
}
