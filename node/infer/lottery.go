package infer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

// maxDrawn is how many answers of one lease the lottery is held for; a lease
// with more is replaced. They are kept with the lease.
const maxDrawn = 1024

// newSecret draws what decides the audits of a lease.
func newSecret() (id wire.ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// rows are the answers of a lease for which the lottery was held, eight bytes
// each: the request's number, and the rate with the outcome in its top bit.
type rows []byte

const drawnBit = 1 << 31

func (r rows) add(number, ratePPM uint32, audited bool) rows {
	if audited {
		ratePPM |= drawnBit
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(r, number), ratePPM)
}

func (r rows) len() int { return len(r) / 8 }

// drawn are the rows as they are disclosed.
func (r rows) drawn() []wire.Drawn {
	out := make([]wire.Drawn, 0, r.len())
	for ; len(r) >= 8; r = r[8:] {
		rate := binary.BigEndian.Uint32(r[4:])
		out = append(out, wire.Drawn{Shard: binary.BigEndian.Uint32(r), RatePPM: rate &^ drawnBit, Audited: rate&drawnBit != 0})
	}
	return out
}

// hashed is an answer's body that is hashed as it is read.
type hashed struct {
	io.ReadCloser
	sum hash.Hash
	eof bool
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.sum.Write(p[:n])
	h.eof = h.eof || err == io.EOF
	return n, err
}

// heard is what the audit of one answer of a request needs of it.
type heard struct {
	choice int // which of the request's answers
	ids    []int
	text   []byte
	finish string
	size   int
	lost   bool // it has what cannot be replayed, or too much of it
}

// maxHeard bounds what is kept of an answer, in bytes.
const maxHeard = 1 << 20

func (h *heard) add(c meter.Chunk) {
	for _, ch := range c.Choices {
		if ch.Index != h.choice || h.lost {
			continue
		}
		text := ch.Plain()
		h.size += len(text) + 8*len(ch.TokenIDs)
		if h.size > maxHeard || ch.Hidden() > 0 {
			*h = heard{choice: h.choice, lost: true}
			return
		}
		h.ids, h.text = append(h.ids, ch.TokenIDs...), append(h.text, text...)
		if ch.FinishReason != nil {
			h.finish = *ch.FinishReason
		}
	}
}

// listen makes an answer one that the lottery may be held for, where there are
// audits and somebody is paid for it.
func (r *Router) listen(a *answer, q *query) {
	if r.auditor == nil || a.l == nil || q.guess() == 0 || a.l.Secret.IsZero() {
		return
	}
	a.heard = &heard{choice: int(r.rand() * float64(max(q.ask.Choices, 1)))}
	a.body = &hashed{ReadCloser: a.resp.Body, sum: sha256.New()}
	a.resp.Body = a.body
	a.request = q
}

// hold holds the lottery for an answer that came whole.
func (r *Router) hold(a *answer, used meter.Count) {
	if a.body == nil || !a.body.eof {
		return
	}
	l := a.l
	name := wire.AnswerHash(sha256.Sum256(a.request.body), [sha256.Size]byte(a.body.sum.Sum(nil)))
	l.mu.Lock()
	if l.Rows.len() >= maxDrawn {
		l.mu.Unlock()
		return
	}
	rate := l.rate
	cost := r.auditor.cost(l.Rate, used)
	if !r.auditor.affords(cost) {
		rate = min(rate, l.Least)
	}
	audited := wire.Audited(wire.AuditDraw(l.Secret, l.ID, a.number, 0, name), rate)
	l.Rows, l.dirty = l.Rows.add(a.number, rate, audited), true
	if audited {
		l.audits++
	}
	l.mu.Unlock()
	if audited {
		r.auditor.put(&pending{l: l, q: a.request, heard: a.heard, number: a.number, in: used.In, context: a.t.quote.quote.Context})
	}
}

// numbered gives a request its number in a lease.
func (l *lease) numbered() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.numbers++
	return l.numbers - 1
}

// rateOf is how often answers of a lease are to be audited from here on.
func (r *Router) rateOf(l *lease) uint32 {
	l.mu.Lock()
	c := l.record
	l.mu.Unlock()
	st, err := r.d.Trust.Standing(r.now(), c.Provider, reputation.App{Image: c.Image, Model: c.Model}, c.Class)
	if err != nil {
		r.log.Warn("standing of a provider", "peer", c.Provider.Short(), "err", err)
		return wire.PPM // nothing is known of it
	}
	track := audit.Track{Valid: st.Valid + c.Passed, Probation: st.Probation - min(st.Probation, c.Passed), Suspect: st.Suspect}
	// The answer that is audited is not paid yet either.
	unpaid := uint32(max(1, min(c.Requests-min(c.Requests, c.Asked), 1<<20)))
	return max(r.cfg.Audits.Policy.Rate(track, unpaid), c.Least)
}

// disclosures are the documents that show how the lottery went.
func (c *record) disclosures() []wire.Disclosure {
	return wire.Disclosures(c.ID, c.Provider, c.Secret, c.Least, c.Rows.drawn())
}
