package openai

import (
	"encoding/json"
	"net/http"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// Headers that clients may send, and that answers carry.
const (
	HeaderSession     = "X-Infernet-Session"       // groups the requests of one conversation
	HeaderMaxPriceIn  = "X-Infernet-Max-Price-In"  // most per million input tokens: 900 (credits), 0.5 sat, 0.0002 USDC
	HeaderMaxPriceOut = "X-Infernet-Max-Price-Out" // most per million output tokens
	HeaderProvider    = "X-Infernet-Provider"      // npub of who answers, this node's own when it serves the model itself
	HeaderLease       = "X-Infernet-Lease"         // under which it is paid; absent when free
	HeaderPrice       = "X-Infernet-Price"         // in=N, out=N, per=1000000, unit=U; absent when free
	HeaderVerified    = "X-Infernet-Verified"      // how far the answer is checked
)

// maxSession is the longest name of a session in bytes.
const maxSession = 256

// LabelClaimed says that an answer is one provider's word: nobody did the
// same work to compare.
const LabelClaimed = "claimed"

// kind is one of the questions that can be asked.
type kind struct {
	path string
	read func(body []byte) (question, error)
}

// question is what the node must know of a request that it passes on.
type question struct {
	model         string
	stream        bool
	deterministic bool
	session       string
	extras        extras
}

var (
	chatKind       = kind{"/v1/chat/completions", readChat}
	completionKind = kind{"/v1/completions", readCompletion}
	embeddingKind  = kind{"/v1/embeddings", readEmbedding}
)

// kindOf finds the kind of a path; false when nothing can be asked there.
func kindOf(path string) (kind, bool) {
	for _, k := range []kind{chatKind, completionKind, embeddingKind} {
		if k.path == path {
			return k, true
		}
	}
	return kind{}, false
}

func readChat(body []byte) (question, error) {
	c, err := limits().DecodeChat(body)
	if err != nil {
		return question{}, err
	}
	q := sampled(c.Model, c.Sampling)
	// OpenAI's own name for what belongs together.
	if raw := c.Extra["prompt_cache_key"]; len(raw) <= maxSession {
		_ = json.Unmarshal(raw, &q.session)
	}
	return q, nil
}

func readCompletion(body []byte) (question, error) {
	c, err := limits().DecodeCompletion(body)
	return sampled(c.Model, c.Sampling), err
}

func readEmbedding(body []byte) (question, error) {
	e, err := limits().DecodeEmbedding(body)
	return question{model: e.Model, deterministic: true, extras: extras{usage: true, tokens: true}}, err
}

// limits are those of what passes through: engines that see pictures get them.
func limits() oai.Limits {
	l := oai.DefaultLimits()
	l.Media = true
	return l
}

func sampled(model string, s oai.Sampling) question {
	return question{
		model: model, stream: s.Stream, deterministic: s.Deterministic(),
		extras: extras{usage: !s.Stream || s.StreamOptions != nil && s.StreamOptions.IncludeUsage, tokens: s.ReturnTokenIDs},
	}
}

// ask serves one kind of question.
func (f *Face) ask(k kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", newID("req_")) // the clients log it
		h, err := f.begin(w)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer h.done()
		body, err := f.body(w, r, h, f.cfg.MaxBody)
		if err != nil {
			fail(w, r, err)
			return
		}
		q, err := k.read(body)
		if err != nil {
			fail(w, r, err)
			return
		}
		req := infer.Request{Model: q.model, Path: k.path, Body: body, Stream: q.stream, Session: q.session, Deterministic: q.deterministic}
		if err := prefer(&req, r.Header); err != nil {
			fail(w, r, err)
			return
		}
		resp, err := f.do(r, req)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		label(w, resp)
		if q.stream {
			f.pass(w, r, resp, q.extras)
			return
		}
		f.whole(w, r, resp, h, q.extras)
	}
}
