// Package gguftest writes small GGUF files for tests: headers with any
// metadata, vocabularies, and tensors of zeros; and it changes the weights of
// models that exist. It is no writer of models.
package gguftest

import (
	"encoding/binary"
	"fmt"
	"math"

	"infernet.tech/infernet/exec/engine/gguf"
)

// Tensor describes one tensor; its type's number is ggml's.
type Tensor struct {
	Name string
	Dims []uint64
	Type uint32
	At   uint64 // offset into the weights
}

// KV is one pair of the metadata. Value is an integer, float, bool, string or
// a slice of such.
type KV struct {
	Key   string
	Value any
}

// File writes a file: header, padding to 32 bytes, and weights zero bytes.
func File(kvs []KV, tensors []Tensor, weights int) []byte {
	u := binary.LittleEndian
	b := u.AppendUint32([]byte("GGUF"), 3)
	b = u.AppendUint64(u.AppendUint64(b, uint64(len(tensors))), uint64(len(kvs)))
	for _, kv := range kvs {
		b = value(text(b, kv.Key), kv.Value, true)
	}
	for _, t := range tensors {
		b = u.AppendUint32(text(b, t.Name), uint32(len(t.Dims)))
		for _, d := range t.Dims {
			b = u.AppendUint64(b, d)
		}
		b = u.AppendUint64(u.AppendUint32(b, t.Type), t.At)
	}
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return append(b, make([]byte, weights)...)
}

func text(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// value appends a value, its type before it where typed is set.
func value(b []byte, v any, typed bool) []byte {
	u := binary.LittleEndian
	kind := func(t uint32) {
		if typed {
			b = u.AppendUint32(b, t)
		}
	}
	switch v := v.(type) {
	case uint8:
		kind(0)
		return append(b, v)
	case uint32:
		kind(4)
		return u.AppendUint32(b, v)
	case int32:
		kind(5)
		return u.AppendUint32(b, uint32(v))
	case float32:
		kind(6)
		return u.AppendUint32(b, math.Float32bits(v))
	case bool:
		kind(7)
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case string:
		kind(8)
		return text(b, v)
	case uint64:
		kind(10)
		return u.AppendUint64(b, v)
	case []string:
		return array(b, 8, v)
	case []float32:
		return array(b, 6, v)
	case []int32:
		return array(b, 5, v)
	}
	panic(fmt.Sprintf("gguftest: %T", v))
}

func array[T any](b []byte, kind uint32, list []T) []byte {
	u := binary.LittleEndian
	b = u.AppendUint64(u.AppendUint32(u.AppendUint32(b, 9), kind), uint64(len(list)))
	for _, v := range list {
		b = value(b, v, false)
	}
	return b
}

// Vocab is the metadata of a vocabulary, behind what every model has.
func Vocab(v gguf.Vocab) []KV {
	kvs := []KV{
		{"general.architecture", "llama"},
		{"general.name", v.Name},
		{"tokenizer.ggml.model", v.Model},
		{"tokenizer.ggml.pre", v.Pre},
		{"tokenizer.ggml.tokens", v.Tokens},
	}
	add := func(key string, value any, there bool) {
		if there {
			kvs = append(kvs, KV{"tokenizer.ggml." + key, value})
		}
	}
	types := make([]int32, len(v.Types))
	for i, t := range v.Types {
		types[i] = int32(t)
	}
	add("scores", v.Scores, len(v.Scores) > 0)
	add("token_type", types, len(types) > 0)
	add("merges", v.Merges, v.Model == "gpt2")
	add("bos_token_id", uint32(v.BOS), v.BOS >= 0)
	add("eos_token_id", uint32(v.EOS), v.EOS >= 0)
	add("eot_token_id", uint32(v.EOT), v.EOT >= 0)
	add("unknown_token_id", uint32(v.Unknown), v.Unknown >= 0)
	flag := func(key string, yes *bool) {
		if yes != nil {
			add(key, *yes, true)
		}
	}
	flag("add_bos_token", v.AddBOS)
	flag("add_eos_token", v.AddEOS)
	flag("add_space_prefix", v.AddSpacePrefix)
	return kvs
}
