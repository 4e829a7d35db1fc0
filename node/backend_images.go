package node

import (
	"context"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
)

// addImage takes in a layout folder or an archive. Without a name given it is
// called what it was called where it came from.
func (b contentBackend) addImage(ctx context.Context, req api.AddRequest) (api.Content, error) {
	if req.Progress != nil {
		req.Progress(api.AddProgress{Stage: api.StageAdd}) // how many bytes there are, only unpacking tells
	}
	x, err := b.n.lib.AddImageFile(ctx, req.Path, content.ImageOptions{Name: req.Name, Private: req.Private})
	if err == nil {
		err = b.shareAdded(x.CID, req)
	}
	if err != nil {
		return api.Content{}, err
	}
	c := b.show(x.Entry)
	if len(x.Names) > 1 {
		c.Names = x.Names
	}
	for _, p := range x.Contents.Platforms {
		c.Platforms = append(c.Platforms, p.Name)
	}
	return c, nil
}

// getImage makes sure that an image is here, under the name it was asked for.
func (b contentBackend) getImage(ctx context.Context, req api.GetRequest) (content.Entry, error) {
	o, err := b.fetchOptions(req.From, req.Max, req.MaxPrice, req.Private, req.Progress)
	if err != nil {
		return content.Entry{}, err
	}
	e, _, err := b.n.lib.PullImage(ctx, req.Ref, o)
	if err != nil || content.CheckName(req.Ref) != nil || e.Name != "" {
		return e, err
	}
	e.Name = req.Ref
	return e, b.n.lib.Name(e)
}
