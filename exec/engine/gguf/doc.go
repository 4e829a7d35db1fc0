// Package gguf reads what model files say of themselves: architecture, size,
// quantisation, context, chat template and vocabulary of GGUF files, the
// headers of safetensors files, and folders of the latter.
//
// A model file comes from a stranger. Everything read is bounded (Limits),
// nothing is allocated because a file claims a length, counts and offsets are
// checked before use, and every fault is one of the errors in errors.go. A
// pickle is refused by what it holds, whatever its name: loading one runs code
// of whoever made it. Weights are never read.
//
// The engine and its module call it, exec/engine/tokens for vocabularies, and
// the node's content package for what "infernet model" shows. It imports
// nothing but the standard library, so that other modules can use it.
//
// Formats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and
// https://github.com/huggingface/safetensors#format.
package gguf
