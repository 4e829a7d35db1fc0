package serving

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/p2p/identity"
)

// The paths that are answered.
const (
	pathChat       = "/v1/chat/completions"
	pathCompletion = "/v1/completions"
	pathEmbedding  = "/v1/embeddings"
	pathTokenize   = "/tokenize"
	pathDetokenize = "/detokenize"
	pathReplay     = "/infernet/replay"
)

// cacheSalt is what an engine keeps the caches of one client's prompts apart by
// from those of all others: a prompt answered quicker for what another asked
// before would tell what that was. It does not depend on the lease, so that a
// client finds its own cache again. Whoever sends one of its own is overruled.
func cacheSalt(peer identity.PubKey) string {
	h := sha256.Sum256(append([]byte("infernet/cache_salt\x00"), peer[:]...))
	return hex.EncodeToString(h[:16])
}

// template is how many tokens a chat's layout may add to its text.
const template = 256

// prompt is a request as it goes to the engine, and the most it may use.
type prompt struct {
	path   string
	body   []byte
	stream bool
	most   bound
	named  bool   // the request itself names the most tokens of its answer
	rough  uint64 // prompt tokens by the estimate that both sides know, see estimate

	number   uint32            // in the lease, by the client's count
	numbered bool              // the client gave one, and draws audits
	received [sha256.Size]byte // hash of the body as it came
}

// bodyTime is how long a body may take to come.
const bodyTime = 30 * time.Second

// readBody reads a request's body within the limit. Memory grows with what
// came, not with what was announced.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > s.cfg.MaxBody {
		return nil, openai.TooLarge(s.cfg.MaxBody)
	}
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(bodyTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	limited := http.MaxBytesReader(w, r.Body, s.cfg.MaxBody)
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= 64<<10 {
		body = make([]byte, n)
		_, err = io.ReadFull(limited, body)
	} else {
		body, err = io.ReadAll(limited)
	}
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, openai.TooLarge(s.cfg.MaxBody)
	case err != nil:
		return nil, openai.BadRequest("", "the body did not come whole")
	}
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return body, nil
}

// read checks a body and finds how much it may use. It is made to say what the
// engine of m understands, and asks for the counts.
func (c Config) read(path string, body []byte, m Model, salt string) (prompt, error) {
	p := prompt{path: path, body: body}
	in := uint64(min(len(body)+template, m.Context))
	var err error
	switch path {
	case pathChat:
		err = c.chat(&p, m, in)
	case pathCompletion:
		err = c.completion(&p, m, in)
	case pathEmbedding:
		var r openai.EmbeddingRequest
		if r, err = openai.DecodeEmbedding(body); err == nil {
			p.most = bound{in: times(in, r.Input.Len(), uint64(len(body)+template))}
			p.rough = estimate(inputSize(r.Input))
		}
	case pathReplay:
		p.most = bound{in: in}
		p.rough, err = replayed(body)
	case pathTokenize:
		_, err = openai.DecodeTokenize(body)
	case pathDetokenize:
		_, err = openai.DecodeDetokenize(body)
	}
	if err != nil {
		return p, err
	}
	p.rough = min(p.rough, p.most.in)
	if p.body, err = forEngine(path, p.body, m); err != nil {
		return p, openai.BadRequest("model", "cannot be set")
	}
	if path == pathChat || path == pathCompletion {
		if p.body, err = openai.Set(p.body, "cache_salt", []byte(`"`+salt+`"`)); err != nil {
			return p, openai.BadRequest("cache_salt", "cannot be set")
		}
	}
	if p.stream {
		if p.body, err = openai.IncludeUsage(p.body); err != nil {
			return p, openai.BadRequest("stream_options", "cannot be read")
		}
	}
	return p, nil
}

// forEngine puts the model's name in as its engine knows it, and the most
// tokens of an answer under the name that every engine knows: Ollama has no
// max_completion_tokens, and would answer beyond what was agreed on.
func forEngine(path string, body []byte, m Model) ([]byte, error) {
	var err error
	if path == pathChat || path == pathCompletion {
		if body, err = openai.SetMaxTokens(body); err != nil {
			return nil, err
		}
	}
	return openai.SetModel(body, m.Name)
}

func (c Config) chat(p *prompt, m Model, in uint64) error {
	lim := openai.DefaultLimits()
	lim.Media = true // the engine tells whether its model sees
	r, err := lim.DecodeChat(p.body)
	if err != nil {
		return err
	}
	p.rough = estimate(chatSize(r.Messages), 0)
	c.answers(p, &r.Sampling, m, in, r.Choices())
	return nil
}

func (c Config) completion(p *prompt, m Model, in uint64) error {
	r, err := openai.DecodeCompletion(p.body)
	if err != nil {
		return err
	}
	p.rough = estimate(inputSize(r.Prompt))
	each := r.Choices()
	if r.BestOf != nil {
		each = max(each, *r.BestOf)
	}
	c.answers(p, &r.Sampling, m, times(in, r.Prompt.Len(), uint64(len(p.body)+template)), each*max(r.Prompt.Len(), 1))
	return nil
}

// answers sets the bounds of a request for so many answers. One that names no
// maximum is guessed at first, and reserved more for as it grows.
func (c Config) answers(p *prompt, sampling *openai.Sampling, m Model, in uint64, n int) {
	out := min(sampling.MaxOutput(), m.Context)
	if p.named = out > 0; !p.named {
		out = min(c.OutGuess, m.Context)
	}
	p.stream = sampling.Stream
	p.most = bound{in: in, out: uint64(out) * uint64(max(n, 1))}
}

// times is one prompt's bound for n prompts, which share a text.
func times(in uint64, n int, text uint64) uint64 {
	return min(in*uint64(max(n, 1)), text)
}

// allowed reports whether a path is answered.
func allowed(path string) bool {
	switch path {
	case pathChat, pathCompletion, pathEmbedding, pathTokenize, pathDetokenize, pathReplay:
		return true
	}
	return false
}

// eventStream reports whether an answer is a stream of events.
func eventStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}
