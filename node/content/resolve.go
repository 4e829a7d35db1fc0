package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// MaxBring bounds what is fetched for a CID whose size nobody has told.
const MaxBring = 64 << 30

// Builtin makes content that comes with the program; a nil one makes nothing.
// It returns ErrNoName for a name that is none of its own.
type Builtin interface {
	// Image lays the image out in dir and returns its manifest digest.
	Image(name, dir string) (digest string, err error)
	// Model returns a model file's bytes.
	Model(name string) ([]byte, error)
	// Stamp changes when what a name stands for does; ErrNoName as above.
	Stamp(kind Kind, name string) (string, error)
	// Names lists what there is on a shelf.
	Names(kind Kind) []string
}

// SetBuiltin tells the library what comes with the program. Call it before
// the library is used.
func (l *Library) SetBuiltin(b Builtin) { l.builtin = b }

// ResolveImage finds the image that ref means: a name here, a built-in, an OCI
// layout folder or a tar archive (relative to dir).
func (l *Library) ResolveImage(ctx context.Context, ref, dir string) (Entry, error) {
	return l.resolve(ctx, Image, ref, dir, l.builtinImage, l.AddImage)
}

// ResolveModel finds the model that ref means: a name here, a built-in, a file
// (relative to dir) or the CID of a blob that is here. A file may be of any
// format but pickle: what it is for is the image's business.
func (l *Library) ResolveModel(ctx context.Context, ref, dir string) (Entry, error) {
	return l.resolve(ctx, Model, ref, dir, l.builtinModel, l.addAnyModel)
}

type (
	makeBuiltin func(ctx context.Context, name string) (Entry, error)
	addPath     func(ctx context.Context, path, name string) (Entry, error)
)

func (l *Library) resolve(ctx context.Context, kind Kind, ref, dir string, builtin makeBuiltin, add addPath) (Entry, error) {
	e, err := l.Lookup(kind, ref)
	if err == nil && l.current(e) {
		return e, nil
	}
	if err != nil && !errors.Is(err, ErrNoName) {
		return e, err
	}
	if l.builtin != nil {
		if e, err := builtin(ctx, ref); err == nil || !errors.Is(err, ErrNoName) {
			return e, err
		}
	}
	path := ref
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err == nil {
		return add(ctx, path, "")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	if info, err := l.blobs.Stat(ref); err == nil && kind == Model {
		return Entry{Kind: kind, CID: info.CID, Size: info.Size}, nil
	}
	return e, fmt.Errorf("%w: %q is no %s here, no file and no CID that is here; known: %s",
		ErrNoName, ref, kind, strings.Join(l.knownNames(kind), ", "))
}

// current tells whether an entry is still what its name means: one made from a
// built-in is not when the program it was made from has changed.
func (l *Library) current(e Entry) bool {
	if e.Stamp == "" || l.builtin == nil {
		return true
	}
	stamp, err := l.builtin.Stamp(e.Kind, e.Name)
	return err == nil && stamp == e.Stamp
}

func (l *Library) knownNames(kind Kind) []string {
	var names []string
	if l.builtin != nil {
		names = l.builtin.Names(kind)
	}
	entries, _ := l.Names(kind)
	for _, e := range entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return slices.Compact(names) // a built-in that was used has an entry too
}

func (l *Library) builtinImage(ctx context.Context, name string) (Entry, error) {
	tmp, err := os.MkdirTemp(l.dir, ".builtin-")
	if err != nil {
		return Entry{}, err
	}
	defer os.RemoveAll(tmp)
	layout := filepath.Join(tmp, "layout")
	stamp, err := l.builtin.Stamp(Image, name)
	if err != nil {
		return Entry{}, err
	}
	digest, err := l.builtin.Image(name, layout)
	if err != nil {
		return Entry{}, err
	}
	return l.storeLayout(ctx, layout, Entry{Kind: Image, Name: name, Digest: digest, Stamp: stamp})
}

func (l *Library) builtinModel(ctx context.Context, name string) (Entry, error) {
	data, err := l.builtin.Model(name)
	if err != nil {
		return Entry{}, err
	}
	stamp, err := l.builtin.Stamp(Model, name)
	if err != nil {
		return Entry{}, err
	}
	info, err := l.blobs.Add(ctx, bytes.NewReader(data))
	if err != nil {
		return Entry{}, err
	}
	return l.named(Entry{Kind: Model, Name: name, CID: info.CID, Size: info.Size, Stamp: stamp})
}

// AddImage takes in an OCI layout folder or an archive that a job names by its
// path; name may be empty. It is shared with nobody. Errors: as of AddImageFile.
func (l *Library) AddImage(ctx context.Context, path, name string) (Entry, error) {
	x, err := l.importImage(ctx, path, ImageOptions{})
	if err != nil {
		return x.Entry, err
	}
	x.Name = name
	return l.named(x.Entry)
}

func (l *Library) storeLayout(ctx context.Context, layout string, e Entry) (Entry, error) {
	info, err := l.blobs.AddTree(ctx, layout)
	if err != nil {
		return Entry{}, err
	}
	e.CID, e.Size = info.CID, info.Size
	return l.named(e)
}

// named remembers an entry under its name, where it has one.
func (l *Library) named(e Entry) (Entry, error) {
	if e.Name == "" {
		return e, nil
	}
	return e, l.Name(e)
}

// FetchImage brings an image and returns the folder of its layout. That the
// layout holds the digest asked for is for the runner to verify.
func (l *Library) FetchImage(ctx context.Context, cid string, max uint64, from ...identity.PubKey) (string, error) {
	if _, err := l.Fetch(ctx, cid, max, from...); err != nil {
		return "", err
	}
	return l.layOut(ctx, "images", cid)
}

// Bring writes a blob to dest, fetching it from a peer when it is not here and
// one is named.
func (l *Library) Bring(ctx context.Context, cid, dest string, from ...identity.PubKey) error {
	var peers []identity.PubKey
	for _, p := range from {
		if !p.IsZero() {
			peers = append(peers, p)
		}
	}
	return l.FetchTree(ctx, cid, dest, MaxBring, peers...)
}
