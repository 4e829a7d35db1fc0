package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/compare"
)

// maxReplay bounds one line of a file of replays: the longest answers have
// some hundred thousand tokens.
const maxReplay = 64 << 20

// pairSamples measures a folder of inputs, each a folder of results. Neighbours
// are compared, each result in one pair, so that pairs tell of each other
// nothing.
func (a *app) pairSamples(ctx context.Context, comparator, dir string) ([]compare.Sample, error) {
	inputs, err := os.ReadDir(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, failf(exitUsage, "infernet help verifier calibrate tells how samples are laid out", "%s is a file: samples for %s are folders", dir, comparator)
	}
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	var out []compare.Sample
	for _, input := range inputs {
		if !input.IsDir() {
			continue
		}
		at := filepath.Join(dir, input.Name())
		results, err := os.ReadDir(at)
		if err != nil {
			return nil, fmt.Errorf("samples: %w", err)
		}
		for pair := range slices.Chunk(results, 2) {
			if len(pair) < 2 {
				break
			}
			s, err := compare.Measure(ctx, comparator, result(at, pair[0]), result(at, pair[1]))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", at, err)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// result is one machine's result: the folder that it is, or a folder with the
// one file that it is. A lone file has the same name in every result, since its
// own names the machine; its ending says how it is read.
func result(dir string, e os.DirEntry) fs.FS {
	if e.IsDir() {
		return os.DirFS(filepath.Join(dir, e.Name()))
	}
	return loneFile{dir: os.DirFS(dir), name: e.Name(), shown: "result" + filepath.Ext(e.Name())}
}

// loneFile is a folder that holds one file of another folder, under a name of
// its own.
type loneFile struct {
	dir         fs.FS
	name, shown string
}

// Open opens the folder or its one file.
func (l loneFile) Open(name string) (fs.File, error) {
	switch name {
	case ".":
		f, err := l.dir.Open(".")
		if err != nil {
			return nil, err
		}
		return &loneFolder{File: f, of: l}, nil
	case l.shown:
		f, err := l.dir.Open(l.name)
		if err != nil {
			return nil, err
		}
		return shownFile{f, l.shown}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// loneFolder lists the one file.
type loneFolder struct {
	fs.File
	of   loneFile
	told bool
}

// ReadDir returns the one entry, once.
func (f *loneFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.told {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	f.told = true
	info, err := fs.Stat(f.of.dir, f.of.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(renamed{info, f.of.shown})}, nil
}

// shownFile says nothing of its own name either.
type shownFile struct {
	fs.File
	name string
}

func (f shownFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return renamed{info, f.name}, err
}

type renamed struct {
	fs.FileInfo
	name string
}

func (r renamed) Name() string { return r.name }

// replay is one line of a file of replays.
type replay struct {
	Temperature float64              `json:"temperature"`
	Seeded      bool                 `json:"seeded"`             // both engines drew by the same seed, in the same way
	Answered    string               `json:"answered,omitempty"` // npub
	Replayed    string               `json:"replayed,omitempty"`
	Tokens      []openai.ReplayToken `json:"tokens"`
}

// replaySamples reads a file of replayed answers, a line each.
func (a *app) replaySamples(ctx context.Context, _, path string) ([]compare.Sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxReplay)
	var out []compare.Sample
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(lines.Bytes()) == 0 {
			continue
		}
		var r replay
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, failf(exitCheck, "infernet help verifier calibrate shows a line", "%s:%d: %s", path, n, words(err.Error()))
		}
		s, err := r.sample()
		if err != nil {
			return nil, failf(exitCheck, "", "%s:%d: %s", path, n, words(err.Error()))
		}
		out = append(out, s)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, failf(exitRefused, "", "%s: a line of more than %d bytes", path, maxReplay)
	}
	return out, lines.Err()
}
