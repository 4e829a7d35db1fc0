package node

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/hub"
)

// addModel takes in a model: a file or folder of this machine, one of the hub,
// or one of another node.
func (b contentBackend) addModel(ctx context.Context, req api.AddRequest) (api.Content, error) {
	lib, name := b.n.lib, ""
	var e content.Entry
	var err error
	switch ref, referr := hub.ParseRef(req.Source); {
	case req.Source == "":
		name = modelName(req.Path)
		read := newReading(api.StageAdd, bytesBelow(req.Path), req.Progress)
		e, err = lib.AddModelFile(ctx, req.Path, content.ModelOptions{
			Reference: req.Reference, Private: req.Private, OnRead: read.onRead(),
		})
	case strings.HasPrefix(req.Source, "hf:"):
		if err = referr; err == nil {
			name = modelName(ref.File)
			e, err = lib.Download(ctx, ref, "", func(p hub.Progress) {
				if req.Progress != nil {
					req.Progress(api.AddProgress{Bytes: p.Bytes, Total: p.Total})
				}
			})
		}
	default:
		e, err = b.bringModel(ctx, req)
	}
	if err == nil {
		e, err = b.nameModel(e, req.Name, name)
	}
	if err == nil {
		err = b.shareAdded(e.CID, req)
	}
	if err != nil {
		return api.Content{}, err
	}
	c := b.show(e)
	c.Model, _ = b.head(ctx, e.CID, false)
	return c, nil
}

// bringModel fetches a model by its CID and looks that it is one.
func (b contentBackend) bringModel(ctx context.Context, req api.AddRequest) (content.Entry, error) {
	o, err := b.fetchOptions(req.From, req.Max, req.MaxPrice, req.Private, req.Progress)
	if err != nil {
		return content.Entry{}, err
	}
	return b.n.lib.BringModel(ctx, req.Source, "", o)
}

// shareAdded gives what a person has added to everybody, unless that person, or
// the node's operator, wants it otherwise.
func (b contentBackend) shareAdded(cid string, req api.AddRequest) error {
	switch {
	case req.Private:
		return b.n.lib.Unshare(cid)
	case req.Share || !b.n.cfg.Content.Private:
		return b.n.lib.Share(cid)
	}
	return nil
}

// nameModel gives a model the name asked for, or else the usual one, unless that
// stands for something else already.
func (b contentBackend) nameModel(e content.Entry, asked, usual string) (content.Entry, error) {
	if e.Name = asked; asked == "" {
		e.Name = usual
	}
	if e.Name == "" {
		return e, nil
	}
	if err := b.unclaimed(content.Model, e.Name, e.CID); err != nil {
		return e, err
	}
	return e, b.n.lib.Name(e)
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// modelName is what a model is called when nobody says: its file's name.
func modelName(path string) string {
	base := filepath.Base(path)
	for _, ext := range []string{".gguf", ".safetensors"} {
		base = strings.TrimSuffix(base, ext)
	}
	base = strings.Trim(notInNames.ReplaceAllString(base, "-"), "-._")
	if base == "" {
		return "model"
	}
	return base[:min(len(base), 64)]
}

// head is what a model that is here says of itself.
func (b contentBackend) head(ctx context.Context, cid string, text bool) (*api.ModelHead, error) {
	h, err := b.n.lib.Describe(ctx, cid)
	if err != nil {
		return nil, err
	}
	m := api.NewModelHead(h, text)
	return &m, nil
}

// Show implements api.Library.
func (b contentBackend) Show(ctx context.Context, ref string, template bool) (api.Content, error) {
	// A path would be taken in by the way: what is shown must be here.
	if content.CheckName(ref) != nil {
		return api.Content{}, api.Errorf(api.CodeBadRequest, "infernet model add FILE", "%.128q is neither a name nor a CID", ref)
	}
	e, err := b.n.lib.ResolveModel(ctx, ref, b.n.cfg.path("nothing"))
	if err != nil {
		return api.Content{}, contentError(err)
	}
	c := b.show(e)
	if c.Model, err = b.head(ctx, e.CID, template); err != nil {
		return api.Content{}, contentError(err)
	}
	return c, nil
}

// Alias implements api.Library.
func (b contentBackend) Alias(ctx context.Context, kind api.ContentKind, req api.AliasRequest) (api.Content, error) {
	if err := content.CheckName(req.Name); err != nil {
		return api.Content{}, api.Errorf(api.CodeBadRequest, "", "%v", err)
	}
	lib := b.n.lib
	if kind == api.Models {
		// So that what comes with the program is here before it gets a name.
		if _, err := b.Show(ctx, req.Ref, false); err != nil {
			return api.Content{}, err
		}
	}
	e, err := lib.Alias(shelves[kind], req.Name, req.Ref)
	if err != nil {
		return api.Content{}, contentError(err)
	}
	return b.show(e), nil
}

// Remove implements api.Library.
func (b contentBackend) Remove(_ context.Context, kind api.ContentKind, name string) (api.Content, error) {
	e, err := b.n.lib.Unname(shelves[kind], name)
	if err != nil {
		return api.Content{}, contentError(err)
	}
	return b.show(e), nil
}
