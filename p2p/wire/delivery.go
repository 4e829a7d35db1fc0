package wire

import (
	"crypto/sha256"

	"infernet.tech/infernet/p2p/identity"
)

// Delivery states what bytes of content came from a provider on an account
// since the delivery before: the fetching side's own count, which the serving
// side holds against its meter. It is said on /infernet/job/1; then Amount is
// paid and a Receipt follows.
type Delivery struct {
	Account ID     // drawn at random by who fetches; see DeliveryJob
	Seq     uint32 // from 0, without a gap
	Bytes   uint64 // of this delivery
	Total   uint64 // of the account, this delivery included
	Price   uint64 // per GiB, in Unit; the same for the whole account; 0: free
	Amount  uint64 // price of Total less price of the total before, in Unit
	Unit    string
	Rail    string
}

// Kind returns KindDelivery.
func (Delivery) Kind() Kind { return KindDelivery }

func (m Delivery) write(c codec) { m.walk(c) }

func (m *Delivery) walk(c codec) {
	c.id("account", &m.Account)
	c.u32("seq", &m.Seq)
	c.u64("bytes", &m.Bytes)
	c.u64("total", &m.Total)
	c.u64("price", &m.Price)
	c.u64("amount", &m.Amount)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
}

// Validate checks every field against its limit, that the delivery is a part
// of its total, and that nothing is charged for what is free.
func (m Delivery) Validate() error {
	var c checks
	c.id("account", m.Account)
	c.that(m.Seq < maxShards, "seq", "is out of range")
	c.that(m.Bytes > 0, "bytes", "is zero")
	c.max("bytes", m.Bytes, m.Total)
	c.max("total", m.Total, maxBytes)
	c.that(m.Seq > 0 || m.Bytes == m.Total, "total", "is not that of a first delivery")
	c.max("price", m.Price, maxAmount)
	c.max("amount", m.Amount, maxAmount)
	c.that(m.Amount == 0 || m.Price > 0, "amount", "is charged for what is free")
	c.money(m.Unit, m.Rail)
	return c.err()
}

// DeliveryJob names an account in receipts, answers and references of payments.
// It binds the account to its two parties, so that it is never the name of
// another job of theirs or of anybody else's account.
func DeliveryJob(payer, provider identity.PubKey, account ID) ID {
	h := sha256.New()
	h.Write([]byte("infernet/delivery/v1\x00"))
	h.Write(payer[:])
	h.Write(provider[:])
	h.Write(account[:])
	return ID(h.Sum(nil))
}
