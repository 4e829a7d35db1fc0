package wire

import (
	"encoding/json"

	"infernet.tech/infernet/p2p/identity"
)

// MaxSpec is the most bytes of a job's description.
const MaxSpec = 128 << 10

// Delegate hands a whole job to an aggregator. Sending it again asks for the
// same job. Its description is the content of the document.
type Delegate struct {
	Job      ID
	Spec     string            // a JSON object, of at most MaxSpec bytes
	Fee      uint64            // what the aggregator earns, in Unit
	Max      uint64            // the most the job may cost, fee included, in Unit
	Unit     string            //
	Rail     string            //
	Deadline int64             // of the whole job, unix seconds
	Sources  []identity.PubKey // peers that hold image, model and inputs
}

// Kind returns KindDelegate.
func (Delegate) Kind() Kind { return KindDelegate }

func (m Delegate) write(c codec) { m.walk(c) }

func (m *Delegate) walk(c codec) {
	c.id("job", &m.Job)
	c.u64("fee", &m.Fee)
	c.u64("max", &m.Max)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.i64("deadline", &m.Deadline)
	c.pubs("sources", &m.Sources)
	c.body(&m.Spec)
}

// Validate checks every field against its limit. Of Spec it checks that it is
// a JSON object of allowed size; what it means is its reader's to check.
func (m Delegate) Validate() error {
	var c checks
	c.id("job", m.Job)
	c.that(len(m.Spec) <= MaxSpec, "spec", "is too long")
	c.that(len(m.Spec) > MaxSpec || isObject(m.Spec), "spec", "is not a JSON object")
	c.max("fee", m.Fee, maxAmount)
	c.max("max", m.Max, maxAmount)
	c.that(m.Fee <= m.Max, "fee", "is over the job's maximum")
	c.money(m.Unit, m.Rail)
	c.unix("deadline", m.Deadline)
	unique(&c, "sources", m.Sources, MaxSources)
	return c.err()
}

func isObject(s string) bool { return len(s) > 0 && s[0] == '{' && json.Valid([]byte(s)) }
