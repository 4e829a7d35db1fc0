package main

import (
	"context"
	"math"
	"net/http"
	"slices"

	"infernet.tech/infernet/exec/engine/openai"
)

// embeddings answers POST /v1/embeddings. An embedding is the mean of the
// model's last hidden states over all tokens of a text, of length 1.
func (s *server) embeddings(w http.ResponseWriter, r *http.Request, body []byte) error {
	in, err := openai.DecodeEmbedding(body)
	if err != nil {
		return err
	}
	if err := s.serves(in.Model); err != nil {
		return err
	}
	width := s.model.NEmbd()
	if in.Dimensions != nil && *in.Dimensions != width {
		return openai.BadRequest("dimensions", "this model's embeddings have %d", width)
	}
	x, err := readExtras(in.Extra)
	if err != nil {
		return err
	}
	inputs, total, err := s.inputs(in.Input)
	if err != nil {
		return err
	}
	out := openai.EmbeddingResponse{Object: openai.ObjectList, Model: s.name, Usage: openai.Usage{PromptTokens: total, TotalTokens: total}}
	for wave := range slices.Chunk(inputs, s.parallel) {
		vectors, err := s.embed(r.Context(), wave, x.CacheSalt)
		if err != nil {
			return err
		}
		for _, v := range vectors {
			v := openai.Vector{Values: v, Base64: in.EncodingFormat == "base64"}
			out.Data = append(out.Data, openai.Embedding{Object: openai.ObjectEmbedding, Index: len(out.Data), Embedding: v})
		}
	}
	return reply(w, out)
}

// embed runs texts side by side. It takes nothing from the cache, which keeps
// no hidden states.
func (s *server) embed(ctx context.Context, texts [][]int, salt string) ([][]float32, error) {
	var (
		poolings []*pooling
		seqs     []*sequence
		results  []*result
	)
	for _, tokens := range texts {
		p := &pooling{sum: make([]float64, s.model.NEmbd()), last: len(tokens) - 1, result: newResult()}
		poolings, results = append(poolings, p), append(results, p.result)
		seqs = append(seqs, &sequence{work: p, tokens: tokens, wide: true, salt: salt, done: ctx.Done()})
	}
	if err := s.await(ctx, seqs, results...); err != nil {
		return nil, err
	}
	var vectors [][]float32
	for _, p := range poolings {
		vectors = append(vectors, unit(p.sum))
	}
	return vectors, nil
}

// inputs are the tokens of what is to be embedded, all checked before any
// work is done.
func (s *server) inputs(in openai.Input) (inputs [][]int, total int, err error) {
	inputs = in.Tokens
	for _, tokens := range inputs {
		if err := s.known("input", tokens); err != nil {
			return nil, 0, err
		}
	}
	for _, text := range in.Texts {
		tokens, err := s.plain(text, true)
		if err != nil {
			return nil, 0, err
		}
		inputs = append(inputs, tokens)
	}
	for _, tokens := range inputs {
		total += len(tokens)
		if len(tokens) == 0 {
			return nil, 0, openai.BadRequest("input", "is empty")
		}
		if len(tokens) > s.size {
			return nil, 0, openai.ContextLength(s.size, len(tokens))
		}
	}
	return inputs, total, nil
}

// pooling is work that sums up hidden states.
type pooling struct {
	*result
	sum  []float64
	last int // position
}

func (p *pooling) wants(int) bool { return true }
func (p *pooling) behind() bool   { return false }

func (p *pooling) take(pos int, o output) (int, bool) {
	hidden := o.embedding()
	if len(hidden) != len(p.sum) {
		p.fail(errNoEmbedding)
		return -1, true
	}
	for i, h := range hidden {
		p.sum[i] += float64(h)
	}
	if pos == p.last {
		p.finish()
	}
	return -1, pos == p.last
}

// unit is a vector's direction, as a vector of length 1.
func unit(v []float64) []float32 {
	square := 0.0
	for _, x := range v {
		square += x * x
	}
	length := math.Sqrt(square)
	out := make([]float32, len(v))
	if !(length > 0) || math.IsInf(length, 0) {
		return out
	}
	for i, x := range v {
		out[i] = float32(x / length)
	}
	return out
}
