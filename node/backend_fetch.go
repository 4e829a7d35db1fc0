package node

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// Get implements api.Library.
func (b contentBackend) Get(ctx context.Context, kind api.ContentKind, req api.GetRequest) (api.Content, error) {
	// A destination that is taken is told before hours of transfer.
	if req.Dest != "" {
		if err := free(req.Dest); err != nil {
			return api.Content{}, contentError(err)
		}
	}
	e, err := b.bring(ctx, kind, req)
	if err != nil {
		return api.Content{}, contentError(err)
	}
	if req.Dest == "" {
		return b.show(e), nil
	}
	if err := b.copyOut(ctx, e.CID, req); err != nil {
		return api.Content{}, contentError(err)
	}
	c := b.show(e)
	c.Path = req.Dest
	return c, nil
}

// bring makes sure that what a request names is here.
func (b contentBackend) bring(ctx context.Context, kind api.ContentKind, req api.GetRequest) (content.Entry, error) {
	lib := b.n.lib
	if kind == api.Images && !req.Local {
		return b.getImage(ctx, req)
	}
	e, err := b.lookup(kind, req.Ref)
	switch {
	case err == nil && (lib.Has(e.CID) || req.Local):
		return e, nil
	case err != nil && !errors.Is(err, content.ErrNoName):
		return e, err
	case req.Local:
		e = content.Entry{Kind: shelves[kind], CID: req.Ref}
		_, err := lib.Blobs().Stat(e.CID)
		return e, err
	case err != nil:
		if e, err = lib.Locate(ctx, shelves[kind], req.Ref); err != nil {
			return e, err
		}
	}
	o, err := b.fetchOptions(req.From, req.Max, req.MaxPrice, req.Private, req.Progress)
	if err != nil {
		return e, err
	}
	info, err := lib.FetchWith(ctx, e.CID, o)
	e.Size, e.Dir = info.Size, info.Dir
	return e, err
}

// fetchOptions is what a request says of whom to ask, what to pay and whether
// others get it from here, which they would from the first bytes on.
func (b contentBackend) fetchOptions(npubs []string, most uint64, price *uint64, private bool, progress func(api.AddProgress)) (content.FetchOptions, error) {
	from, err := peersOf(npubs)
	if err != nil {
		return content.FetchOptions{}, err
	}
	o := content.FetchOptions{
		Max: most, From: from, Anyone: len(from) == 0, MaxPrice: b.n.cfg.Content.MaxPrice, Private: private,
		Progress: fetchProgress(progress),
	}
	if price != nil {
		o.MaxPrice = *price
	}
	return o, nil
}

// fetchProgress tells the caller of the API what the store tells.
func fetchProgress(to func(api.AddProgress)) func(blob.Progress) {
	if to == nil {
		return nil
	}
	to(api.AddProgress{Stage: api.StageFind})
	return func(p blob.Progress) {
		out := api.AddProgress{Stage: api.StageFetch, Bytes: p.Bytes, Total: p.Total, Speed: p.Speed}
		for _, s := range p.Sources {
			out.Sources = append(out.Sources, api.SourceProgress{Name: s.Name, Bytes: s.Bytes, Speed: s.Speed, State: s.State})
		}
		to(out)
	}
}

// peersOf reads npubs.
func peersOf(npubs []string) ([]identity.PubKey, error) {
	var out []identity.PubKey
	for _, s := range npubs {
		key, err := identity.ParsePubKey(s)
		if err != nil {
			return nil, api.Errorf(api.CodeBadRequest, "give an npub", "%.80q is no npub", s)
		}
		out = append(out, key)
	}
	return out, nil
}

// free refuses a path where something is, or whose folder is missing.
func free(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &os.PathError{Op: "write", Path: path, Err: os.ErrExist}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := os.Stat(filepath.Dir(path))
	return err
}

// copyOut writes what is here to where the request wants it.
func (b contentBackend) copyOut(ctx context.Context, cid string, req api.GetRequest) error {
	if req.Progress != nil {
		req.Progress(api.AddProgress{Stage: api.StageWrite})
	}
	blobs := b.n.lib.Blobs()
	if !req.CAR {
		return blobs.Export(ctx, cid, req.Dest, blob.Limits{Link: req.Link})
	}
	return writeWhole(req.Dest, func(w io.Writer) error { return blobs.ExportCAR(ctx, cid, w) })
}

// writeWhole makes a file that is there whole or not at all.
func writeWhole(path string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".infernet-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the link there is nothing lost with it
	if err := errors.Join(fill(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, takes no file's place.
	return os.Link(f.Name(), path)
}

// WriteCAR implements api.Library.
func (b contentBackend) WriteCAR(ctx context.Context, ref string, w io.Writer) error {
	cid, err := b.cidOf(api.Data, ref)
	if err == nil {
		err = b.n.lib.Blobs().ExportCAR(ctx, cid, w)
	}
	if err != nil {
		return contentError(err)
	}
	return nil
}

// lookup finds what a name stands for; on the shelf of data, which is of
// everything, a name of the other shelves will do.
func (b contentBackend) lookup(kind api.ContentKind, ref string) (content.Entry, error) {
	e, err := b.n.lib.Lookup(shelves[kind], ref)
	for _, other := range []content.Kind{content.Model, content.Image} {
		if kind == api.Data && errors.Is(err, content.ErrNoName) {
			e, err = b.n.lib.Lookup(other, ref)
		}
	}
	return e, err
}

// cidOf is what a name on a shelf stands for; anything else is taken for a CID.
func (b contentBackend) cidOf(kind api.ContentKind, ref string) (string, error) {
	e, err := b.lookup(kind, ref)
	if errors.Is(err, content.ErrNoName) {
		return ref, nil
	}
	return e.CID, err
}
