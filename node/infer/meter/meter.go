package meter

import (
	"fmt"
	"strings"
)

// Count is a number of tokens of prompts and completions.
type Count struct {
	In  uint64 `json:"in"`
	Out uint64 `json:"out"`
}

// Add returns the sum of both.
func (c Count) Add(d Count) Count { return Count{c.In + d.In, c.Out + d.Out} }

// Within says whether neither number of c is above that of d.
func (c Count) Within(d Count) bool { return c.In <= d.In && c.Out <= d.Out }

// Meter counts one request. It is not safe for use by several at once.
type Meter struct {
	ask    Ask
	tok    Tokenizer
	prompt []int // token ids of the prompt, as the provider gave them
	events int
	bytes  int
	plain  bool // nothing but plain text came
	each   map[int]*answer
	claim  Count
	said   bool
}

// answer is what came of one choice.
type answer struct {
	text strings.Builder
	ids  []int
}

// maxIDs bounds the token ids kept of one request.
const maxIDs = 1 << 20

// New returns a meter for one request; tok may be nil.
func New(ask Ask, tok Tokenizer) *Meter {
	return &Meter{ask: ask, tok: tok, plain: true, each: map[int]*answer{}}
}

// Add takes in one event, or the whole of an answer that was not streamed.
func (m *Meter) Add(c Chunk) {
	m.events++
	m.keep(&m.prompt, c.PromptTokenIDs)
	for _, ch := range c.Choices {
		a := m.each[ch.Index]
		if a == nil {
			a = &answer{}
			m.each[ch.Index] = a
		}
		m.keep(&m.prompt, ch.PromptTokenIDs)
		text, hidden := ch.Plain(), ch.Hidden()
		m.bytes += len(text) + hidden
		m.plain = m.plain && hidden == 0
		if m.tok != nil {
			a.text.WriteString(text)
			m.keep(&a.ids, ch.TokenIDs)
		}
	}
	if c.Usage != nil {
		m.Claim(Count{uint64(c.Usage.PromptTokens), uint64(c.Usage.CompletionTokens)})
	}
}

func (m *Meter) keep(to *[]int, ids []int) {
	if m.tok != nil {
		*to = append(*to, ids[:min(len(ids), maxIDs-min(len(*to), maxIDs))]...)
	}
}

// Claim is what the provider says that the request used; the last one counts.
func (m *Meter) Claim(c Count) { m.claim, m.said = c, true }

// Result is what is to be paid for a request, and what is not.
type Result struct {
	Count         // believed, and at most what was claimed
	Slack   Count // how much more may be believed when the provider insists
	Lost    Count // how much more yet, at the provider's risk: see Why
	Claimed Count
	Refused Count  // claimed and more than can have been
	Reason  string // why it was refused; empty when nothing was
}

// Finish counts a request that was answered in full. One without a claim
// counts nothing yet and leaves what it can have used as Slack.
func (m *Meter) Finish() Result {
	most := Count{m.mostIn(), m.mostOut()}
	if !m.said {
		return Result{Slack: most}
	}
	r := Result{Claimed: m.claim, Count: Count{min(m.claim.In, most.In), min(m.claim.Out, most.Out)}}
	r.Refused = Count{r.Claimed.In - r.In, r.Claimed.Out - r.Out}
	switch {
	case r.Refused.In > 0:
		r.Reason = fmt.Sprintf("%d prompt tokens claimed, at most %d are possible", r.Claimed.In, most.In)
	case r.Refused.Out > 0:
		r.Reason = fmt.Sprintf("%d completion tokens claimed, at most %d are possible", r.Claimed.Out, most.Out)
	}
	return r
}

// Said reports whether the provider said what the request used.
func (m *Meter) Said() bool { return m.said }

// Most is what the request may use at most, as far as is known before it is
// answered: for an answer without a bound, guess tokens.
func (m *Meter) Most(guess int) Count {
	out := m.ask.MaxOut
	if out == 0 || guess == 0 {
		out = guess
	}
	return Count{max(m.mostIn(), m.ask.Estimate()), uint64(out) * uint64(m.ask.Tried)}
}

// Claimed is what the provider said.
func (m *Meter) Claimed() Count { return m.claim }
