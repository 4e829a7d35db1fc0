package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// answer is one line of output; either Error is set or Answer.
type answer struct {
	ID     json.RawMessage `json:"id"`
	Answer *string         `json:"answer,omitempty"`
	Tokens *int            `json:"tokens,omitempty"`
	Cut    bool            `json:"truncated,omitempty"` // ended by a limit, not by the model
	IDs    []int           `json:"token_ids,omitempty"` // with --token-ids
	Error  string          `json:"error,omitempty"`
}

// batch answers all input and writes the result.
func batch(ctx context.Context, c config, stdout io.Writer, log *slog.Logger) error {
	files, err := inputs(c.in)
	if err != nil {
		return err
	}
	// All input is read once before the model is: a fault in the last line
	// must not cost the work of the others.
	if err := eachFile(files, func(request) error { return nil }); err != nil {
		return err
	}
	began := time.Now()
	e, err := load(c)
	if err != nil {
		return err
	}
	loaded := time.Since(began)
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(c.out, "output.jsonl"))
	if err != nil {
		return err
	}
	b := batcher{engine: e, config: c, out: bufio.NewWriter(out), stdout: stdout}
	err = eachFile(files, func(r request) error { return b.answer(ctx, r) })
	if err := errors.Join(err, b.out.Flush(), out.Close()); err != nil {
		return err
	}
	log.Info("answered", "lines", b.lines, "errors", b.errors, "tokens", b.tokens, "template", e.template.Name,
		"load_ms", loaded.Milliseconds(), "total_ms", time.Since(began).Milliseconds())
	return nil
}

// batcher answers requests one after another and counts.
type batcher struct {
	engine                *engine
	config                config
	out                   *bufio.Writer
	stdout                io.Writer
	lines, errors, tokens int
}

func (b *batcher) answer(ctx context.Context, r request) error {
	limit := b.config.maxTokens
	if r.MaxTokens != nil {
		limit = *r.MaxTokens
	}
	var text bytes.Buffer
	var sink io.Writer = &text
	if b.config.stream {
		sink = io.MultiWriter(&text, b.stdout)
	}
	tw := &textWriter{w: sink}
	ids, cut, err := b.engine.generate(ctx, r.turns(), limit, tw)
	if err == nil {
		err = tw.Close()
	}
	n := len(ids)
	b.lines++
	b.tokens += n
	if errors.Is(err, errTooLong) {
		b.errors++
		return b.write(answer{ID: r.ID, Error: err.Error()})
	}
	if err != nil {
		return err
	}
	if b.config.stream {
		if _, err := io.WriteString(b.stdout, "\n"); err != nil {
			return err
		}
	}
	s := text.String()
	if !b.config.ids {
		ids = nil
	}
	return b.write(answer{ID: r.ID, Answer: &s, Tokens: &n, Cut: cut, IDs: ids})
}

// write adds a line and hands it to the system at once: what a killed task
// has done is then there to be looked at.
func (b *batcher) write(a answer) error {
	enc := json.NewEncoder(b.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a); err != nil {
		return err
	}
	return b.out.Flush()
}

// inputs lists the input files: the path itself, or the *.jsonl in it, or the
// only file in it: content known by its CID alone may have any name.
func inputs(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: no input: %w", errUsage, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		if len(entries) != 1 || !entries[0].Type().IsRegular() {
			return nil, fmt.Errorf("%w: %s holds no *.jsonl file", errUsage, path)
		}
		files = []string{filepath.Join(path, entries[0].Name())}
	}
	slices.Sort(files)
	return files, nil
}

func eachFile(files []string, fn func(request) error) error {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = eachRequest(filepath.Base(name), f, fn)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}
