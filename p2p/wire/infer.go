package wire

// Limits of inference documents.
const (
	// MaxModelName is the longest name a model is served under, in bytes.
	MaxModelName = 64
	maxContext   = 1 << 30 // tokens
	maxTokens    = 1 << 53 // of a lease or a receipt; exact in a JSON number
)

// InferOffer asks a provider at what price it answers requests to a model. A
// client says it on /infernet/quote/1; it binds nobody.
type InferOffer struct {
	Job      ID     // the lease's name, drawn at random
	Model    string // CID
	MaxIn    uint64 // the most paid per million prompt tokens, in Unit; 0: no limit
	MaxOut   uint64 // the most paid per million completion tokens, in Unit; 0: no limit
	Unit     string
	Rail     string
	Budget   uint64 // the most that the lease would come to cost, in Unit
	Deadline int64  // of the lease, unix seconds
}

// Kind returns KindInferOffer.
func (InferOffer) Kind() Kind { return KindInferOffer }

func (m InferOffer) write(c codec) { m.walk(c) }

func (m *InferOffer) walk(c codec) {
	c.id("job", &m.Job)
	c.str("model", &m.Model)
	c.opt().u64("max_in", &m.MaxIn)
	c.opt().u64("max_out", &m.MaxOut)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.u64("budget", &m.Budget)
	c.i64("deadline", &m.Deadline)
}

// Validate checks every field against its limit.
func (m InferOffer) Validate() error {
	var c checks
	c.id("job", m.Job)
	c.cid("model", m.Model)
	c.max("max_in", m.MaxIn, maxAmount)
	c.max("max_out", m.MaxOut, maxAmount)
	c.money(m.Unit, m.Rail)
	c.that(m.Budget > 0, "budget", "is zero")
	c.max("budget", m.Budget, maxAmount)
	c.unix("deadline", m.Deadline)
	return c.err()
}

// InferQuote is a provider's answer to an InferOffer. It holds until Expires.
type InferQuote struct {
	Offer    ID // id of the InferOffer's document
	Job      ID
	Model    string // CID
	Image    string // the engine's OCI manifest digest, sha256:…
	In       uint64 // per million prompt tokens, in Unit
	Out      uint64 // per million completion tokens, in Unit
	Unit     string
	Rail     string
	Queue    uint32 // requests that wait now
	Slots    uint32 // requests answered at once
	TPSMilli uint64 // tokens a second of one stream, times 1000, as measured; 0: not yet
	TTFTMS   uint64 // until the first token, as measured; 0: not yet
	Context  uint32 // tokens; 0: not told
	Warm     bool   // the engine runs already
	Credit   uint64 // how much more the asker may come to owe, in Unit
	Class    string // hardware class; may be empty
	Expires  int64  // unix seconds
}

// Kind returns KindInferQuote.
func (InferQuote) Kind() Kind { return KindInferQuote }

func (m InferQuote) write(c codec) { m.walk(c) }

func (m *InferQuote) walk(c codec) {
	c.id("offer", &m.Offer)
	c.id("job", &m.Job)
	c.str("model", &m.Model)
	c.str("image", &m.Image)
	c.u64("in", &m.In)
	c.u64("out", &m.Out)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.u32("queue", &m.Queue)
	c.u32("slots", &m.Slots)
	c.opt().u64("tps_milli", &m.TPSMilli)
	c.opt().u64("ttft_ms", &m.TTFTMS)
	c.opt().u32("context", &m.Context)
	c.flag("warm", &m.Warm)
	c.u64("credit", &m.Credit)
	c.opt().str("class", &m.Class)
	c.i64(tagExpiration, &m.Expires)
}

// Validate checks every field against its limit.
func (m InferQuote) Validate() error {
	var c checks
	c.id("offer", m.Offer)
	c.id("job", m.Job)
	c.cid("model", m.Model)
	c.digest("image", m.Image)
	c.tokenRate(m.In, m.Out)
	c.money(m.Unit, m.Rail)
	c.max("queue", uint64(m.Queue), maxShards)
	c.max("slots", uint64(m.Slots), maxShards)
	c.speed(m.TPSMilli, m.TTFTMS, m.Context)
	c.max("credit", m.Credit, maxAmount)
	c.tokenOr("class", m.Class)
	c.unix("expires", m.Expires)
	return c.err()
}

// tokenRate checks prices per million tokens.
func (c *checks) tokenRate(in, out uint64) {
	c.max("in", in, maxAmount)
	c.max("out", out, maxAmount)
}

// speed checks what was measured of an engine.
func (c *checks) speed(tpsMilli, ttftMS uint64, context uint32) {
	c.max("tps_milli", tpsMilli, maxBytes)
	c.max("ttft_ms", ttftMS, maxDurationMS)
	c.max("context", uint64(context), maxContext)
}
