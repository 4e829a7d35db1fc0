package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/tokens"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
)

// maxVocabularies bounds the tokenizers kept: one of a large model takes tens of
// megabytes.
const maxVocabularies = 8

// Pauses before a vocabulary is asked for again: until there is a lease, and
// after a failure, doubled with each that follows.
const (
	untilLeased  = 200 * time.Millisecond
	afterFailure = 2 * time.Second
	longestPause = 10 * time.Minute
)

// leaseOpen is the state of a lease that takes requests, as the router says it.
const leaseOpen = "open"

// errNoHolder says that nobody may be asked for a model yet.
var errNoHolder = errors.New("the model is not here, and nobody has leased it to this node")

// useless are the errors that stay: the same CID is always the same file.
var useless = []error{
	gguf.ErrFormat, gguf.ErrVersion, gguf.ErrMalformed, gguf.ErrLimit, gguf.ErrPickle, gguf.ErrNoVocab,
	tokens.ErrUnsupported, tokens.ErrMalformed,
}

// vocabularies gives the tokenizers of models by which claims are recounted.
// They are read from models' files, of which only the beginning is fetched, in
// the background: until then claims are held against looser bounds.
type vocabularies struct {
	lib    *content.Library
	leased func(cid string) []identity.PubKey // who lets this node read the model's file
	log    *slog.Logger
	want   chan string

	mu    sync.Mutex
	known map[string]*vocabulary // by CID
	order []string
}

// vocabulary is what is known of one model's.
type vocabulary struct {
	tok      *tokens.Tokenizer // nil: none yet
	wanted   bool              // Run has it to do
	never    bool              // there is none that is of use
	failures int
	again    time.Time // not before
}

// readTime bounds one reading, so that a provider that drips bytes does not hold
// up the other models.
const readTime = 2 * time.Minute

func newVocabularies(lib *content.Library, leased func(cid string) []identity.PubKey, log *slog.Logger) *vocabularies {
	return &vocabularies{
		lib: lib, leased: leased, log: log, want: make(chan string, maxVocabularies), known: map[string]*vocabulary{},
	}
}

// holders are the providers that leased a model to this node, and so let it
// read the model's file.
func (n *Node) holders(cid string) (out []identity.PubKey) {
	for _, l := range n.router.Leases() {
		if l.Model == cid && l.State == leaseOpen && !slices.Contains(out, l.Provider) {
			out = append(out, l.Provider)
		}
	}
	return out
}

// of returns a model's tokenizer, or nil and gets it for the next time.
func (v *vocabularies) of(cid string) meter.Tokenizer {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := v.known[cid]
	if k == nil {
		k = &vocabulary{}
		v.keep(cid, k)
	}
	if k.tok != nil {
		return k.tok
	}
	if k.wanted || k.never || time.Now().Before(k.again) {
		return nil
	}
	select {
	case v.want <- cid:
		k.wanted = true
	default: // busy: the next request asks again
	}
	return nil
}

// keep remembers, and forgets the oldest. The lock is held.
func (v *vocabularies) keep(cid string, k *vocabulary) {
	v.known[cid], v.order = k, append(v.order, cid)
	if len(v.order) > maxVocabularies {
		delete(v.known, v.order[0])
		v.order = v.order[1:]
	}
}

// detail tells of all tokenizers in one line.
func (v *vocabularies) detail() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	have := 0
	for _, k := range v.known {
		if k.tok != nil {
			have++
		}
	}
	return fmt.Sprintf("%d of %d models' tokens can be counted again", have, len(v.known))
}

// Run reads what is asked for until ctx ends.
func (v *vocabularies) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case cid := <-v.want:
			rctx, cancel := context.WithTimeout(ctx, readTime)
			t, err := v.read(rctx, cid)
			cancel()
			v.done(cid, t, err)
		}
	}
}

// done remembers what came of a reading.
func (v *vocabularies) done(cid string, t *tokens.Tokenizer, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := v.known[cid]
	if k == nil {
		return // forgotten meanwhile
	}
	k.wanted, k.tok = false, t
	switch {
	case err == nil:
		return
	case errors.Is(err, errNoHolder):
		k.again = time.Now().Add(untilLeased)
		return
	case slices.ContainsFunc(useless, func(e error) bool { return errors.Is(err, e) }):
		k.never = true
	default:
		k.again = time.Now().Add(min(afterFailure<<min(k.failures, 16), longestPause))
		k.failures++
	}
	v.log.Info("no tokenizer: tokens are recounted by bounds alone", "model", cid, "for good", k.never, "err", err)
}

// read gets the beginning of a model's file from here, or from who leased it:
// others would refuse, and take it amiss.
func (v *vocabularies) read(ctx context.Context, cid string) (*tokens.Tokenizer, error) {
	var from []identity.PubKey
	if !v.lib.Has(cid) {
		if from = v.leased(cid); len(from) == 0 {
			return nil, errNoHolder
		}
	}
	_, vocab, err := v.lib.Vocab(ctx, cid, from...)
	if err != nil {
		return nil, err
	}
	return tokens.New(vocab)
}
