// Package tokens turns text into a model's tokens, exactly as the engine does,
// from the vocabulary in the model's file.
//
// It is how a client counts what it is asked to pay for without holding the
// model: the vocabulary stands in the first megabytes of the file. Counting is
// worth nothing unless it is exact, so two kinds of tokenizers are here, both
// equal to llama.cpp's on the golden data in testdata: SentencePiece ("llama")
// and byte-level BPE ("gpt2") with the pre-tokenizers of split.go. For every
// other one New says ErrUnsupported instead of guessing.
//
// node/infer calls it to check what providers claim. It imports nothing but
// the standard library and its two neighbours.
//
// Source: llama.cpp, src/llama-vocab.cpp and src/unicode.cpp.
package tokens
