package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ollama/ollama/llama"
	"github.com/ollama/ollama/ml"
)

// errTooLong: the prompt leaves no room for an answer in the context.
var errTooLong = errors.New("prompt too long")

// maxBatch is how many tokens of a prompt are decoded at once.
const maxBatch = 512

// engine is a loaded model with one context. It serves one prompt at a time.
type engine struct {
	model    *llama.Model
	ctx      *llama.Context
	batch    *llama.Batch
	template template
	stops    []int // tokens that end an answer beside the model's own
	size     int   // context length in tokens
}

// load reads the model and prepares a context of at most c.context tokens.
func load(c config) (*engine, error) {
	path, err := modelFile(c.model)
	if err != nil {
		return nil, err
	}
	meta, err := readMetadata(path)
	if err != nil {
		return nil, err
	}
	e := &engine{size: c.context}
	if c.template != "" {
		e.template, err = named(c.template)
	} else {
		e.template, err = recognise(meta.template)
	}
	if err != nil {
		return nil, err
	}
	if meta.context > 0 && meta.context < uint64(e.size) {
		e.size = int(meta.context)
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
	batch := min(maxBatch, e.size)
	params := llama.NewContextParams(e.size, batch, 1, c.threads, ml.FlashAttentionDisabled, "f16")
	if e.ctx, err = llama.NewContextWithModel(e.model, params); err != nil {
		return nil, fmt.Errorf("context of %d tokens: %w", e.size, err)
	}
	if e.batch, err = llama.NewBatch(batch, 1, 0); err != nil {
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
	for _, s := range e.template.stops {
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
func (e *engine) tokenize(turns []message) ([]int, error) {
	// The empty text gives what the model wants in front: its BOS, or nothing.
	tokens, err := e.model.Tokenize("", true, false)
	if err != nil {
		return nil, err
	}
	for _, s := range e.template.render(turns) {
		more, err := e.model.Tokenize(s.text, false, s.control)
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
