package node

import (
	"context"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/store/blob"
)

// Pin implements api.Library.
func (b contentBackend) Pin(_ context.Context, kind api.ContentKind, ref string, pinned bool) (api.Content, error) {
	cid, err := b.cidOf(kind, ref)
	if err != nil {
		return api.Content{}, err
	}
	set := b.n.lib.Blobs().Unpin
	if pinned {
		set = b.n.lib.Blobs().Pin
	}
	if err := set(cid); err != nil {
		return api.Content{}, contentError(err)
	}
	return b.show(content.Entry{CID: cid}), nil
}

// Share implements api.Library.
func (b contentBackend) Share(_ context.Context, kind api.ContentKind, ref string, shared bool) (api.Content, error) {
	cid, err := b.cidOf(kind, ref)
	if err != nil {
		return api.Content{}, err
	}
	if _, err := b.n.lib.Blobs().Stat(cid); err != nil {
		return api.Content{}, contentError(err)
	}
	set := b.n.lib.Unshare
	if shared {
		set = b.n.lib.Share
	}
	if err := set(cid); err != nil {
		return api.Content{}, contentError(err)
	}
	return b.show(content.Entry{CID: cid}), nil
}

// GC implements api.Library.
func (b contentBackend) GC(ctx context.Context, _ api.ContentKind, req api.GCRequest) (api.GCReport, error) {
	inside, err := b.n.lib.Blobs().Inside()
	if err != nil {
		return api.GCReport{}, contentError(err)
	}
	opt := blob.GCOptions{DryRun: req.DryRun, Target: req.Keep}
	r, err := b.n.lib.Collect(ctx, opt, b.n.inUse())
	if err != nil {
		return api.GCReport{}, contentError(err)
	}
	out := api.GCReport{
		DryRun: req.DryRun, Freed: r.Bytes, Kept: r.Kept, Removed: []api.Content{}, Quota: b.n.cfg.Content.Quota,
	}
	for _, i := range r.Removed {
		out.Removed = append(out.Removed, api.Content{CID: i.CID, Size: i.Size, Dir: i.Dir, Inside: inside[i.CID]})
	}
	return out, nil
}
