package infer

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer/choose"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// query is a request made ready.
type query struct {
	Request
	ask     meter.Ask
	bytes   int
	session string
	need    choose.Need
	tok     meter.Tokenizer // once the model is known
	body    []byte          // as it is sent
	least   int             // bytes that the answer is bounded by, where that is less than usual; 0: it is not
}

// outGuess is how many tokens are reserved for an answer without a bound.
const outGuess = 2048

func (r *Router) prepare(req Request) (*query, error) {
	ask, err := meter.ReadAsk(req.Body)
	if err != nil {
		return nil, openai.BadRequest("", "the body is not a request of this API")
	}
	q := &query{Request: req, ask: ask, body: req.Body}
	for _, t := range ask.Texts {
		q.bytes += len(t)
	}
	q.bytes += ask.Extra
	if q.session = req.Session; q.session == "" {
		q.session = ask.Opening
	}
	q.session = sessionKey(req.Model, q.session)
	if q.need, err = r.ceilings(req.MaxPriceIn, req.MaxPriceOut); err != nil {
		return nil, err
	}
	q.need = choose.Need{
		Human: r.human, MaxIn: limit(q.need.MaxIn, r.cfg.MaxPriceIn), MaxOut: limit(q.need.MaxOut, r.cfg.MaxPriceOut),
		ExpectIn: uint64(q.bytes/4 + ask.IDs + 1), ExpectOut: uint64(min(q.maxOut(), 512)),
		Budget: r.cfg.Budget,
		// No text worth asking has fewer tokens than this: the longest that
		// vocabularies have are runs of blanks.
		Context: uint64(q.bytes/64 + ask.IDs),
	}
	if req.Stream {
		if q.body, err = openai.IncludeUsage(q.body); err != nil {
			return nil, openai.BadRequest("stream_options", "cannot be read")
		}
	}
	return q, nil
}

// sessionKey names a conversation with one model.
func sessionKey(model, session string) string {
	if session == "" {
		return ""
	}
	return modelKey(model) + "\x00" + session
}

// ceilings are the most to pay per million tokens, which make sense in the unit
// alone that this node pays in.
func (r *Router) ceilings(in, out payments.Amount) (choose.Need, error) {
	n, unit := choose.Need{MaxIn: in.Value, MaxOut: out.Value}, r.d.Rail.Unit()
	for _, a := range []payments.Amount{in, out} {
		if a.Value > 0 && a.Unit != unit {
			like := payments.Amount{Value: 500_000, Unit: unit}
			return n, openai.BadRequest("", "a price of %s: this node pays on rail %s, so write it as %q", a.Human(), r.d.Rail.Name(), like.Human())
		}
	}
	return n, nil
}

func limit(own, usual uint64) uint64 {
	if own > 0 {
		return own
	}
	return usual
}

// guess is how many tokens an answer has that nobody bounded; 0 where there are
// none.
func (q *query) guess() int {
	switch q.Path {
	case "/v1/chat/completions", "/v1/completions":
		return outGuess
	}
	return 0
}

// maxOut is how many completion tokens the request may take, in all.
func (q *query) maxOut() int {
	n := q.guess()
	if n > 0 && q.ask.MaxOut > 0 {
		n = q.ask.MaxOut
	}
	return min(n, math.MaxInt32) * min(q.ask.Tried, math.MaxInt16)
}

// known makes the query one for that model: ids of tokens are asked for where
// they can be checked.
func (r *Router) known(q *query, model string) error {
	if q.maxOut() == 0 {
		return nil
	}
	if r.d.Tokens != nil {
		q.tok = r.d.Tokens(model)
	}
	if q.tok == nil && r.auditor == nil {
		return nil
	}
	body, err := openai.ReturnTokenIDs(q.body)
	if err != nil {
		return openai.BadRequest("return_token_ids", "cannot be set")
	}
	if r.auditor != nil {
		body = r.seeded(body)
	}
	q.body = body
	return nil
}

// seeded gives a request without a seed one: what is drawn by a seed that both
// sides know is checked like what is not drawn at all.
func (r *Router) seeded(body []byte) []byte {
	var b struct {
		Seed *int64 `json:"seed"`
	}
	if json.Unmarshal(body, &b) != nil || b.Seed != nil {
		return body
	}
	out, err := openai.Set(body, "seed", strconv.AppendInt(nil, int64(r.rand()*(1<<53)), 10))
	if err != nil {
		return body
	}
	return out
}

// cost is what the request may cost at a rate, as it is reserved.
func (q *query) cost(rate payments.TokenRate) uint64 {
	in := uint64(q.bytes/3 + q.ask.IDs + 16*q.ask.Turns)
	a, err := payments.PriceTokens(rate, in, uint64(q.maxOut()))
	if err != nil {
		return payments.MaxValue // above every budget
	}
	return a.Value
}

// target is a provider that the query may be sent to.
type target struct {
	spot
	quote quoted
}

func (t target) rate() payments.TokenRate {
	return payments.TokenRate{In: t.quote.quote.In, Out: t.quote.quote.Out, Unit: payments.Unit(t.quote.quote.Unit)}
}

// patience is how long a target's first byte may take before another is asked
// too, and before it is given up. An answer that is not streamed is one byte
// late as a whole.
func (r *Router) patience(q *query, t target) (hedge, most time.Duration) {
	hedge, most = r.cfg.FirstByte, r.cfg.FirstByteMax
	if !t.quote.quote.Warm {
		hedge *= 3
	}
	if q.Stream {
		return min(hedge, most), most
	}
	tps := t.quote.quote.TPSMilli
	if tps == 0 {
		return r.cfg.Longest, r.cfg.Longest
	}
	answer := min(float64(q.maxOut())*1000/float64(tps), r.cfg.Longest.Seconds())
	hedge += time.Duration(2 * answer * float64(time.Second))
	most += time.Duration(8 * answer * float64(time.Second))
	return min(hedge, r.cfg.Longest), min(most, r.cfg.Longest)
}

// reputations looks each peer's score up once for a view.
func (r *Router) reputations(spots []spot) map[identity.PubKey]float64 {
	out := make(map[identity.PubKey]float64, len(spots))
	for _, s := range spots {
		score, err := r.d.Ledger.Score(r.now(), s.peer)
		if err != nil {
			r.log.Warn("reputation", "peer", s.peer.Short(), "err", err)
		}
		out[s.peer] = score
	}
	return out
}
