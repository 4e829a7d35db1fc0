package wire

// Release ends a hold: it shows the payee the preimage that makes the locked
// money its own, or, with none, asks it to give the lock up. It is answered by a
// Countersign. The preimage must travel on an authenticated stream between the
// two alone: whoever on the route learns it early can keep the money.
type Release struct {
	Rail     string
	Ref      string // the payment
	Hold     ID     // SHA-256 of the preimage
	Preimage ID     // zero: cancel
}

// Kind returns KindRelease.
func (Release) Kind() Kind { return KindRelease }

func (m Release) write(c codec) { m.walk(c) }

func (m *Release) walk(c codec) {
	c.str("rail", &m.Rail)
	c.str("ref", &m.Ref)
	c.id("hold", &m.Hold)
	c.opt().id("preimage", &m.Preimage)
}

// Validate checks every field against its limit. That the preimage is the
// hold's is its reader's to check.
func (m Release) Validate() error {
	var c checks
	c.token("rail", m.Rail)
	c.token("ref", m.Ref)
	c.id("hold", m.Hold)
	return c.err()
}
