package wire

import (
	"cmp"
	"slices"
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// MaxDrawn is the most rows of one Disclosure. A full one still fits into a
// FraudProof together with the documents it contradicts: a lie must not be too
// long to be proven.
const MaxDrawn = 128

// Drawn says how the lottery went for one attempt.
type Drawn struct {
	Shard   uint32
	Attempt uint32
	RatePPM uint32 // parts per million
	Audited bool   // whether the attempt was audited
}

// Disclosure is what an aggregator shows a provider after the job has ended:
// the secret that drew the audits, and what it drew for that provider's
// attempts. With its own commits the provider replays it. More rows than
// MaxDrawn take more documents; see Disclosures.
type Disclosure struct {
	Job      ID
	Provider identity.PubKey
	Secret   ID      // its SecretHash was in the JobOffer or Lease
	AuditMin uint32  // the least rate that was promised, parts per million
	Rows     []Drawn // by shard and attempt, each once
	Last     bool    // no document with more rows follows
}

// Disclosures returns the documents that show all rows, in order; rows are
// sorted in place. There is one without rows when there are none.
func Disclosures(job ID, provider identity.PubKey, secret ID, least uint32, rows []Drawn) []Disclosure {
	slices.SortFunc(rows, Drawn.compare)
	var out []Disclosure
	for part := range slices.Chunk(rows, MaxDrawn) {
		out = append(out, Disclosure{Job: job, Provider: provider, Secret: secret, AuditMin: least, Rows: part})
	}
	if len(out) == 0 {
		out = []Disclosure{{Job: job, Provider: provider, Secret: secret, AuditMin: least}}
	}
	out[len(out)-1].Last = true
	return out
}

func (d Drawn) compare(o Drawn) int {
	return cmp.Or(cmp.Compare(d.Shard, o.Shard), cmp.Compare(d.Attempt, o.Attempt))
}

// Row returns what the document says of an attempt, and whether it does.
func (m Disclosure) Row(shard, attempt uint32) (Drawn, bool) {
	i, ok := slices.BinarySearchFunc(m.Rows, Drawn{Shard: shard, Attempt: attempt}, Drawn.compare)
	if !ok {
		return Drawn{}, false
	}
	return m.Rows[i], true
}

// Replay reports whether a row is what the secret draws for the commit with
// the hash c.
func (m Disclosure) Replay(row Drawn, c Hash) bool {
	return row.Audited == Audited(AuditDraw(m.Secret, m.Job, row.Shard, row.Attempt, c), row.RatePPM)
}

// Kind returns KindDisclosure.
func (Disclosure) Kind() Kind { return KindDisclosure }

func (m Disclosure) write(c codec) { m.walk(c) }

func (m *Disclosure) walk(c codec) {
	c.id("job", &m.Job)
	c.pub("p", &m.Provider)
	c.id("secret", &m.Secret)
	c.u32("audit_min", &m.AuditMin)
	c.flag("last", &m.Last)
	text := drawnText(m.Rows)
	c.body(&text)
	if !c.write {
		m.Rows = c.parseDrawn(text)
	}
}

// drawnText writes rows as shard,attempt,rate,0 or 1, with ; between them.
func drawnText(rows []Drawn) string {
	var b strings.Builder
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(';')
		}
		said := "0"
		if r.Audited {
			said = "1"
		}
		for _, s := range []string{decimal(uint64(r.Shard)), decimal(uint64(r.Attempt)), decimal(uint64(r.RatePPM))} {
			b.WriteString(s)
			b.WriteByte(',')
		}
		b.WriteString(said)
	}
	return b.String()
}

func (c codec) parseDrawn(text string) (rows []Drawn) {
	if text == "" {
		return nil
	}
	if strings.Count(text, ";") >= MaxDrawn {
		c.fail("content", "has more than %d rows", MaxDrawn)
		return nil
	}
	for row := range strings.SplitSeq(text, ";") {
		var f [4]uint32
		n := 0
		for s := range strings.SplitSeq(row, ",") {
			if n < len(f) {
				f[n] = uint32(c.parseUint("content", s, 32))
			}
			n++
		}
		if n != len(f) || f[3] > 1 {
			c.fail("content", "has a malformed row")
		}
		if c.err != nil {
			return nil
		}
		rows = append(rows, Drawn{f[0], f[1], f[2], f[3] == 1})
	}
	return rows
}

// Validate checks every field against its limit and the order of the rows.
// Whether they are what the secret draws takes the commits; see Replay.
func (m Disclosure) Validate() error {
	var c checks
	c.id("job", m.Job)
	c.pub("provider", m.Provider)
	c.id("secret", m.Secret)
	c.ppm("audit_min", m.AuditMin)
	c.count("rows", len(m.Rows), MaxDrawn)
	for i, r := range m.Rows[:min(len(m.Rows), MaxDrawn)] {
		c.slot(m.Job, r.Shard, r.Attempt)
		c.ppm("rows", r.RatePPM)
		c.that(i == 0 || m.Rows[i-1].compare(r) < 0, "rows", "are out of order or repeated")
	}
	return c.err()
}

// checkAuthor refuses a disclosure to oneself: nobody is owed one.
func (m Disclosure) checkAuthor(author identity.PubKey) error {
	var c checks
	c.that(author != m.Provider, "provider", "is the author itself")
	return c.err()
}
