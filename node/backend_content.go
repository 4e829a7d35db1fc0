package node

import (
	"context"
	"os"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/store/blob"
)

// contentBackend is the content store as its owner uses it.
type contentBackend struct{ n *Node }

var _ api.Library = contentBackend{}

var shelves = map[api.ContentKind]content.Kind{
	api.Data: content.Data, api.Models: content.Model, api.Images: content.Image,
}

var kinds = map[content.Kind]api.ContentKind{
	content.Data: api.Data, content.Model: api.Models, content.Image: api.Images,
}

// Add implements api.Library.
func (b contentBackend) Add(ctx context.Context, kind api.ContentKind, req api.AddRequest) (api.Content, error) {
	if req.Name != "" {
		if err := content.CheckName(req.Name); err != nil {
			return api.Content{}, api.Errorf(api.CodeBadRequest, "", "%s", plainWords(err))
		}
	}
	var c api.Content
	var err error
	switch kind {
	case api.Models:
		c, err = b.addModel(ctx, req)
	case api.Images:
		c, err = b.addImage(ctx, req)
	default:
		c, err = b.addData(ctx, req)
	}
	if err != nil {
		return c, contentError(err)
	}
	return c, nil
}

// unclaimed refuses to move a name: what it stands for would lose its pin with
// it. Images' names are tags, which move.
func (b contentBackend) unclaimed(kind content.Kind, name, cid string) error {
	old, err := b.n.lib.Lookup(kind, name)
	if err != nil || old.Name != name || old.CID == cid {
		return nil
	}
	return api.Errorf(api.CodeConflict, "choose another name with --name, or take the old one away: infernet "+string(kind)+" rm "+name,
		"the name %q is taken", name)
}

func (b contentBackend) addData(ctx context.Context, req api.AddRequest) (api.Content, error) {
	if req.CAR {
		return b.addCAR(ctx, req)
	}
	info, err := b.takeData(ctx, req)
	if err != nil {
		return api.Content{}, err
	}
	return b.keepData(info, req.Name, req.Share)
}

func (b contentBackend) takeData(ctx context.Context, req api.AddRequest) (blob.Info, error) {
	blobs := b.n.lib.Blobs()
	if req.Body != nil {
		return blobs.Add(ctx, req.Body)
	}
	info, err := os.Stat(req.Path)
	if err != nil {
		return blob.Info{}, err
	}
	read := newReading(api.StageAdd, bytesBelow(req.Path), req.Progress)
	// What a person adds stays until that person says otherwise, as in IPFS.
	opt := blob.AddOptions{Pin: true, Reference: req.Reference, OnRead: read.onRead()}
	if info.IsDir() {
		return blobs.AddTreeWith(ctx, req.Path, opt)
	}
	return blobs.AddFile(ctx, req.Path, opt)
}

// keepData names and shares data that was taken in, as its owner wants.
func (b contentBackend) keepData(info blob.Info, name string, share bool) (api.Content, error) {
	e := content.Entry{Kind: content.Data, Name: name, CID: info.CID, Size: info.Size, Dir: info.Dir}
	if name != "" {
		if err := b.unclaimed(e.Kind, name, e.CID); err != nil {
			return api.Content{}, err
		}
		if err := b.n.lib.Name(e); err != nil {
			return api.Content{}, err
		}
	}
	if share {
		if err := b.n.lib.Share(info.CID); err != nil {
			return api.Content{}, err
		}
	}
	return b.show(e), nil
}

// show fills in what the store knows of an entry.
func (b contentBackend) show(e content.Entry) api.Content {
	c := api.Content{
		Kind: kinds[e.Kind], Name: e.Name, Digest: e.Digest, CID: e.CID, Size: e.Size, Dir: e.Dir,
		Shared: b.n.lib.Shared(e.CID),
	}
	if !e.AddedAt.IsZero() {
		at := e.AddedAt
		c.AddedAt = &at
	}
	if info, err := b.n.lib.Blobs().Stat(e.CID); err == nil {
		c.Size, c.Dir, c.Pinned, c.Path, c.InPlace = info.Size, info.Dir, info.Pinned, info.Path, info.InPlace
		if !info.Used.IsZero() {
			at := info.Used
			c.UsedAt = &at
		}
	}
	return c
}

// List implements api.Library.
func (b contentBackend) List(ctx context.Context, kind api.ContentKind) ([]api.Content, error) {
	if kind == api.Data {
		return b.listAll()
	}
	out := []api.Content{}
	entries, err := b.n.lib.Names(shelves[kind])
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		c := b.show(e)
		if kind == api.Models {
			// One that cannot be described is listed all the same.
			c.Model, _ = b.head(ctx, e.CID, false)
		}
		out = append(out, c)
	}
	return out, nil
}

// listAll lists everything that is here, each once, with all its names.
func (b contentBackend) listAll() ([]api.Content, error) {
	infos, err := b.n.lib.Blobs().List()
	if err != nil {
		return nil, err
	}
	named := map[string][]content.Entry{}
	for _, kind := range []content.Kind{content.Data, content.Model, content.Image} {
		entries, err := b.n.lib.Names(kind)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			named[e.CID] = append(named[e.CID], e)
		}
	}
	inside, err := b.n.lib.Blobs().Inside()
	if err != nil {
		return nil, err
	}
	out := make([]api.Content, 0, len(infos))
	for _, i := range infos {
		e := content.Entry{Kind: content.Data, CID: i.CID}
		all := named[i.CID]
		if len(all) > 0 {
			e = all[0]
		}
		c := b.show(e)
		c.Inside = inside[i.CID]
		if len(all) > 1 {
			for _, a := range all {
				c.Names = append(c.Names, a.Name)
			}
		}
		out = append(out, c)
	}
	return out, nil
}
