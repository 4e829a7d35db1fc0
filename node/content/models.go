package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// ErrNotModel refuses what is added as a model and is none.
var ErrNotModel = errors.New("content: not a model: GGUF and safetensors are")

// maxHeader bounds what is read of a model to describe it.
const maxHeader = 64 << 20

// ModelOptions says how a model is taken in.
type ModelOptions struct {
	Name      string      // may be empty
	Reference bool        // the file stays where and as it is
	Private   bool        // not given to everybody, as models that a person adds are
	OnRead    func(n int) // told of bytes that were read; may be nil
}

// AddModel stores a model file or folder by copy; name may be empty. Errors:
// ErrNotModel, gguf.ErrPickle and the others of gguf for a damaged one.
func (l *Library) AddModel(ctx context.Context, path, name string) (Entry, error) {
	return l.AddModelFile(ctx, path, ModelOptions{Name: name})
}

// AddModelFile is AddModel with options: what a person adds is given to
// everybody, unless it is private.
func (l *Library) AddModelFile(ctx context.Context, path string, o ModelOptions) (Entry, error) {
	if _, err := gguf.Describe(path, limits()); err != nil {
		return Entry{}, notModel(err)
	}
	e, err := l.takeModel(ctx, path, o)
	if err != nil {
		return e, err
	}
	return e, l.shareAdded(e, o.Private)
}

// addAnyModel is for jobs: an image of one's own may want another format.
func (l *Library) addAnyModel(ctx context.Context, path, name string) (Entry, error) {
	if _, err := gguf.Detect(path); errors.Is(err, gguf.ErrPickle) {
		return Entry{}, err
	}
	return l.takeModel(ctx, path, ModelOptions{Name: name})
}

func (l *Library) takeModel(ctx context.Context, path string, o ModelOptions) (Entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Entry{}, err
	}
	opt := blob.AddOptions{Reference: o.Reference, OnRead: o.OnRead}
	var b blob.Info
	if info.IsDir() {
		b, err = l.blobs.AddTreeWith(ctx, path, opt)
	} else {
		b, err = l.blobs.AddFile(ctx, path, opt)
	}
	if err != nil {
		return Entry{}, err
	}
	return l.named(Entry{Kind: Model, Name: o.Name, CID: b.CID, Size: b.Size, Dir: b.Dir})
}

func limits() gguf.Limits {
	lim := gguf.DefaultLimits()
	lim.Bytes = maxHeader
	return lim
}

func notModel(err error) error {
	if errors.Is(err, gguf.ErrFormat) {
		return fmt.Errorf("%w: %w", ErrNotModel, err)
	}
	return err
}

// BringModel fetches a model by its CID from whoever o allows, looks that it is
// one, and names it.
func (l *Library) BringModel(ctx context.Context, cid, name string, o FetchOptions) (Entry, error) {
	info, err := l.FetchWith(ctx, cid, o)
	if err != nil {
		return Entry{}, err
	}
	if _, err := l.Describe(ctx, cid); err != nil {
		return Entry{}, notModel(err)
	}
	return l.named(Entry{Kind: Model, Name: name, CID: info.CID, Size: info.Size, Dir: info.Dir})
}

// Describe reads what a model that is here says of itself. Errors: those of
// blob and gguf.
func (l *Library) Describe(ctx context.Context, cid string) (gguf.Header, error) {
	if h, ok := l.headers.get(cid); ok {
		return h, nil
	}
	release, err := l.blobs.Hold(cid)
	if err != nil {
		return gguf.Header{}, err
	}
	defer release()
	path, err := l.blobs.Path(cid)
	if errors.Is(err, blob.ErrIsDir) {
		path, err = l.layOut(ctx, "files", cid)
	}
	if err != nil {
		return gguf.Header{}, err
	}
	h, err := gguf.Describe(path, limits())
	if err == nil {
		l.headers.put(cid, h)
	}
	return h, err
}

// Header returns what a GGUF model says of itself, from here or from the peers
// named. Of a file only the beginning is fetched, 64 MiB at most.
func (l *Library) Header(ctx context.Context, cid string, from ...identity.PubKey) (gguf.Header, error) {
	if l.Has(cid) {
		return l.Describe(ctx, cid)
	}
	if h, ok := l.headers.get(cid); ok {
		return h, nil
	}
	h, _, err := l.Vocab(ctx, cid, from...)
	if errors.Is(err, gguf.ErrNoVocab) {
		err = nil
	}
	return h, err
}

// Vocab returns a GGUF model's header and vocabulary, as Header does.
func (l *Library) Vocab(ctx context.Context, cid string, from ...identity.PubKey) (gguf.Header, gguf.Vocab, error) {
	r, err := l.beginning(ctx, cid, from)
	if err != nil {
		return gguf.Header{}, gguf.Vocab{}, err
	}
	defer r.Close()
	h, v, err := gguf.ReadVocab(r, limits())
	if err == nil || errors.Is(err, gguf.ErrNoVocab) {
		l.headers.put(cid, h)
	}
	return h, v, err
}

// beginning opens a file here, or the first bytes of one elsewhere.
func (l *Library) beginning(ctx context.Context, cid string, from []identity.PubKey) (io.ReadCloser, error) {
	r, err := l.blobs.Open(cid)
	if err == nil || !errors.Is(err, blob.ErrNotHave) {
		return r, err
	}
	return l.blobs.OpenRemote(ctx, cid, l.remote(cid, from)...)
}
