package node

import (
	"context"
	"log/slog"
	"sync"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/exec/engine/tokens"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
)

// maxVocabularies bounds the tokenizers kept: one of a large model takes tens of
// megabytes.
const maxVocabularies = 8

// finder tells who may have a model.
type finder interface {
	Search(ctx context.Context, q dht.Query) ([]dht.Found, error)
}

// vocabularies gives the tokenizers of models by which claims are recounted.
// They are read from models' files, of which only the beginning is fetched, in
// the background: until then claims are held against looser bounds.
type vocabularies struct {
	lib    *content.Library
	market finder
	log    *slog.Logger
	want   chan string

	mu    sync.Mutex
	known map[string]*tokens.Tokenizer // by CID; nil: asked for, or there is none
	order []string
}

func newVocabularies(lib *content.Library, market finder, log *slog.Logger) *vocabularies {
	return &vocabularies{
		lib: lib, market: market, log: log, want: make(chan string, maxVocabularies), known: map[string]*tokens.Tokenizer{},
	}
}

// of returns a model's tokenizer, or nil and gets it for the next time.
func (v *vocabularies) of(cid string) meter.Tokenizer {
	v.mu.Lock()
	defer v.mu.Unlock()
	t, asked := v.known[cid]
	if t != nil {
		return t
	}
	if asked {
		return nil
	}
	select {
	case v.want <- cid:
		v.keep(cid, nil)
	default: // busy: the next request asks again
	}
	return nil
}

// keep remembers, and forgets the oldest. The lock is held.
func (v *vocabularies) keep(cid string, t *tokens.Tokenizer) {
	if _, ok := v.known[cid]; !ok {
		v.order = append(v.order, cid)
	}
	v.known[cid] = t
	if len(v.order) > maxVocabularies {
		delete(v.known, v.order[0])
		v.order = v.order[1:]
	}
}

// Run reads what is asked for until ctx ends.
func (v *vocabularies) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case cid := <-v.want:
			t, err := v.read(ctx, cid)
			if err != nil {
				v.log.Info("no tokenizer: tokens are recounted by bounds alone", "model", cid, "err", err)
				continue
			}
			v.mu.Lock()
			v.keep(cid, t)
			v.mu.Unlock()
		}
	}
}

// read gets the beginning of a model's file from here, or from who serves it.
func (v *vocabularies) read(ctx context.Context, cid string) (*tokens.Tokenizer, error) {
	_, vocab, err := v.lib.Vocab(ctx, cid, v.holders(ctx, cid)...)
	if err != nil {
		return nil, err
	}
	return tokens.New(vocab)
}

func (v *vocabularies) holders(ctx context.Context, cid string) []identity.PubKey {
	if v.lib.Has(cid) {
		return nil
	}
	found, err := v.market.Search(ctx, dht.Query{Keys: []dht.Key{dht.ModelKey(cid)}, Max: 16})
	if err != nil {
		return nil
	}
	var out []identity.PubKey
	for _, f := range found {
		out = append(out, f.Peer)
	}
	return out
}
