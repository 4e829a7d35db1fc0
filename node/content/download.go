package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/hub"
)

// Download brings a model from the hub and takes it in where it lies; progress
// may be nil. Errors: those of hub and of AddModel. What is no model is removed.
func (l *Library) Download(ctx context.Context, ref hub.Ref, name string, progress func(hub.Progress)) (Entry, error) {
	return l.DownloadWith(ctx, ref, ModelOptions{Name: name}, progress)
}

// DownloadWith is Download with options, of which Reference is set. What came
// with an access token is private: its terms may not allow to pass it on.
func (l *Library) DownloadWith(ctx context.Context, ref hub.Ref, o ModelOptions, progress func(hub.Progress)) (Entry, error) {
	cfg := hub.FromEnv(l.hubDir(), os.Getenv)
	o.Reference, o.Private = true, o.Private || cfg.Token != ""
	client, err := hub.New(cfg)
	if err != nil {
		return Entry{}, err
	}
	// One client after the other would not know what another one writes.
	if !l.downloading(ref, true) {
		return Entry{}, fmt.Errorf("%s: %w", ref, hub.ErrBusy)
	}
	defer l.downloading(ref, false)
	f, err := client.Download(ctx, ref, progress)
	if err != nil {
		return Entry{}, err
	}
	e, err := l.AddModelFile(ctx, f.Path, o)
	if errors.Is(err, ErrNotModel) || errors.Is(err, gguf.ErrPickle) {
		_ = os.Remove(f.Path)
	}
	return e, err
}

func (l *Library) hubDir() string { return filepath.Join(l.dir, "hub") }

// downloading books a download and tells whether nobody else had it.
func (l *Library) downloading(ref hub.Ref, begin bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if begin && l.downloads[ref] {
		return false
	}
	if begin {
		l.downloads[ref] = true
	} else {
		delete(l.downloads, ref)
	}
	return true
}

// sweepHub removes downloads that the store no longer refers to. What is being
// downloaded, and what may go on, stays.
func (l *Library) sweepHub() error {
	infos, err := l.blobs.List()
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, i := range infos {
		needed[i.Path] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.downloads) > 0 {
		return nil // the next collection will do
	}
	err = filepath.WalkDir(l.hubDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || needed[path] || strings.HasSuffix(path, ".part") {
			return err
		}
		return os.Remove(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
