package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ollama/ollama/llama"
	"github.com/ollama/ollama/ml"

	"infernet.tech/infernet/exec/engine/chat"
	"infernet.tech/infernet/exec/engine/gguf"
)

// errTooLong: the prompt leaves no room for an answer in the context.
var errTooLong = errors.New("prompt too long")

// maxBatch is how many tokens of a prompt are decoded at once.
const maxBatch = 512

// engine is a loaded model with one context, which has room for one prompt and
// its answer, or for several side by side.
type engine struct {
	model     *llama.Model
	ctx       *llama.Context
	batch     *llama.Batch
	header    gguf.Header
	template  chat.Template
	stops     []int // tokens that end an answer beside the model's own
	size      int   // context length of a prompt with its answer, in tokens
	parallel  int   // prompts side by side
	batchSize int   // tokens of a prompt decoded at once
}

// load reads the model and prepares a context of at most c.context tokens for
// each of c.parallel prompts.
func load(c config) (*engine, error) {
	path, err := modelFile(c.model)
	if err != nil {
		return nil, err
	}
	e := &engine{size: c.context, parallel: max(1, c.parallel)}
	if e.header, err = gguf.ReadFile(path, gguf.DefaultLimits()); err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	if e.header.Format != gguf.GGUF {
		return nil, fmt.Errorf("%w: model %s is not of format GGUF", errUsage, path)
	}
	if c.template != "" {
		e.template, err = chat.Named(c.template)
	} else {
		e.template, err = chat.Recognise(e.header.ChatTemplate)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w: name one with --template", errUsage, err)
	}
	if trained := e.header.ContextLength; trained > 0 && trained < uint64(e.size) {
		e.size = int(trained)
	}
	// Set empty, it keeps the loader from looking for shared libraries.
	if err := os.Setenv("OLLAMA_LIBRARY_PATH", ""); err != nil {
		return nil, err
	}
	llama.BackendInit()
	if e.model, err = llama.LoadModelFromFile(path, llama.ModelParams{
		UseMmap: true,
		// Without a callback llama.cpp prints dots.
		Progress: func(float32) {},
	}); err != nil {
		return nil, err
	}
	e.batchSize = min(maxBatch, e.size)
	cells := e.size
	if e.parallel > 1 {
		// llama.cpp gives each its part in units of 256 cells.
		cells = (e.size + 255) / 256 * 256 * e.parallel
	}
	params := llama.NewContextParams(cells, e.batchSize, e.parallel, c.threads, ml.FlashAttentionDisabled, "f16")
	if e.ctx, err = llama.NewContextWithModel(e.model, params); err != nil {
		return nil, fmt.Errorf("context of %d tokens: %w", cells, err)
	}
	if e.batch, err = llama.NewBatch(e.batchSize, e.parallel, 0); err != nil {
		return nil, err
	}
	return e, e.findStops()
}

// modelFile accepts a folder with a single model in it.
func modelFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("no model: %w", err)
	}
	if !info.IsDir() {
		return path, nil
	}
	found, err := filepath.Glob(filepath.Join(path, "*.gguf"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %s holds %d *.gguf files, not one", errUsage, path, len(found))
	}
	return found[0], nil
}

// findStops keeps those stops of the template that are one token here.
func (e *engine) findStops() error {
	for _, s := range e.template.Stops {
		tokens, err := e.model.Tokenize(s, false, true)
		if err != nil {
			return err
		}
		if len(tokens) == 1 {
			e.stops = append(e.stops, tokens[0])
		}
	}
	return nil
}

// tokenize turns a conversation into the tokens the model sees.
func (e *engine) tokenize(turns []chat.Turn) ([]int, error) {
	// The empty text gives what the model wants in front: its BOS, or nothing.
	tokens, err := e.model.Tokenize("", true, false)
	if err != nil {
		return nil, err
	}
	for _, s := range e.template.Render(turns) {
		if tokens, err = e.encode(tokens, s.Text, s.Control); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// encode appends the tokens of a text. Byte-level BPE gets it in stretches: see
// chat.Stretches.
func (e *engine) encode(tokens []int, text string, control bool) ([]int, error) {
	parts := []string{text}
	if e.header.Tokenizer == "gpt2" {
		parts = chat.Stretches(text)
	}
	for _, part := range parts {
		more, err := e.model.Tokenize(part, false, control)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, more...)
	}
	return tokens, nil
}

func (e *engine) ends(token int) bool {
	return e.model.TokenIsEog(token) || slices.Contains(e.stops, token)
}
