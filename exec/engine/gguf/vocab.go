package gguf

import (
	"fmt"
)

// TokenType tells what a token is for (llama.h's llama_token_type).
type TokenType int32

// The types of tokens.
const (
	TokenUndefined TokenType = iota
	TokenNormal
	TokenUnknown
	TokenControl
	TokenUserDefined
	TokenUnused
	TokenByte
)

// Vocab is a model's vocabulary as its file has it.
type Vocab struct {
	Name   string // of the model: a few need tokens treated otherwise
	Model  string // "llama": SentencePiece; "gpt2": byte-level BPE; others
	Pre    string // the pre-tokenizer of a BPE vocabulary; "" is llama.cpp's default
	Tokens []string
	Scores []float32   // as many as Tokens, or none
	Types  []TokenType // as many as Tokens, or none
	Merges []string    // BPE: two tokens with a space between, the first merges first

	BOS, EOS, EOT, Unknown int // -1 where the file names none

	// AddBOS, AddEOS and AddSpacePrefix are nil where the file does not say;
	// what holds then depends on Model.
	AddBOS, AddEOS, AddSpacePrefix *bool
}

func newVocab() Vocab { return Vocab{BOS: -1, EOS: -1, EOT: -1, Unknown: -1} }

// maxTokens bounds a vocabulary; the largest in use have 262,144.
const maxTokens = 1 << 20

// maxToken bounds the bytes of one token or merge.
const maxToken = 1 << 16

// read takes a key that belongs to the vocabulary and tells whether it was one.
func (v *Vocab) read(d *decoder, key string, t valueType) bool {
	switch key {
	case "tokenizer.ggml.tokens":
		v.Tokens = d.strings(t)
	case "tokenizer.ggml.merges":
		v.Merges = d.strings(t)
	case "tokenizer.ggml.scores":
		v.Scores = numbers(d, t, typeFloat32, d.float32)
	case "tokenizer.ggml.token_type":
		v.Types = numbers(d, t, typeInt32, func() TokenType { return TokenType(int32(d.uint(4))) })
	case "tokenizer.ggml.bos_token_id":
		v.BOS = d.id(t)
	case "tokenizer.ggml.eos_token_id":
		v.EOS = d.id(t)
	case "tokenizer.ggml.eot_token_id":
		v.EOT = d.id(t)
	case "tokenizer.ggml.unknown_token_id":
		v.Unknown = d.id(t)
	case "tokenizer.ggml.add_bos_token":
		v.AddBOS = d.flag(t)
	case "tokenizer.ggml.add_eos_token":
		v.AddEOS = d.flag(t)
	case "tokenizer.ggml.add_space_prefix":
		v.AddSpacePrefix = d.flag(t)
	default:
		return false
	}
	return true
}

func (d *decoder) id(t valueType) int {
	if n := d.whole(t); n < maxTokens {
		return int(n)
	}
	// Files say "none" by the largest number there is.
	return -1
}

func (d *decoder) flag(t valueType) *bool {
	if t != typeBool {
		d.fail(fmt.Errorf("%w: type %d where yes or no belongs", ErrMalformed, t))
		return nil
	}
	yes := d.uint(1) != 0
	return &yes
}

// head reads the head of an array of one type.
func (d *decoder) head(t, want valueType) uint64 {
	if t != typeArray {
		d.fail(fmt.Errorf("%w: type %d where a list belongs", ErrMalformed, t))
		return 0
	}
	inner, n := d.array()
	if d.err == nil && inner != want {
		d.fail(fmt.Errorf("%w: a list of type %d where %d belongs", ErrMalformed, inner, want))
	}
	if d.err == nil && n > maxTokens {
		d.fail(fmt.Errorf("%w: a vocabulary of %d entries", ErrLimit, n))
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *decoder) strings(t valueType) []string {
	var out []string
	for range d.head(t, typeString) {
		s := d.text(maxToken)
		if d.err != nil {
			return nil
		}
		out = append(out, s)
	}
	return out
}

func numbers[T any](d *decoder, t, want valueType, one func() T) []T {
	var out []T
	for range d.head(t, want) {
		v := one()
		if d.err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

// check refuses lists that do not fit each other.
func (v *Vocab) check() error {
	n := len(v.Tokens)
	switch {
	case n == 0:
		return ErrNoVocab
	case len(v.Scores) != 0 && len(v.Scores) != n, len(v.Types) != 0 && len(v.Types) != n:
		return fmt.Errorf("%w: %d tokens, %d scores and %d types", ErrMalformed, n, len(v.Scores), len(v.Types))
	}
	// As llama.cpp does: an id of no token names none.
	for _, id := range []*int{&v.BOS, &v.EOS, &v.EOT, &v.Unknown} {
		if *id >= n {
			*id = -1
		}
	}
	return nil
}
