package node

import (
	"context"
	"errors"

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
	opt := blob.GCOptions{DryRun: req.DryRun, Target: req.Keep}
	r, err := b.n.lib.Collect(ctx, opt, append(b.n.agg.InUse(), b.n.working()...))
	if err != nil {
		return api.GCReport{}, contentError(err)
	}
	out := api.GCReport{
		DryRun: req.DryRun, Freed: r.Bytes, Kept: r.Kept, Removed: []api.Content{}, Quota: b.n.cfg.Content.Quota,
	}
	for _, i := range r.Removed {
		out.Removed = append(out.Removed, api.Content{CID: i.CID, Size: i.Size, Dir: i.Dir})
	}
	return out, nil
}

// Verify implements api.Library.
func (b contentBackend) Verify(ctx context.Context, kind api.ContentKind, req api.VerifyRequest) (api.VerifyReport, error) {
	all, err := b.toVerify(ctx, kind, req.Ref)
	if err != nil {
		return api.VerifyReport{}, contentError(err)
	}
	p := api.AddProgress{Stage: api.StageVerify}
	for _, c := range all {
		p.Total += c.Size
	}
	out := api.VerifyReport{Bad: []api.Bad{}}
	for _, c := range all {
		err := b.n.lib.Blobs().Verify(ctx, c.CID)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if errors.Is(err, blob.ErrNotHave) && req.Ref != "" {
			return out, contentError(err)
		}
		if err != nil {
			out.Bad = append(out.Bad, api.Bad{Content: c, Reason: badReason(err), Detail: err.Error()})
		}
		out.Checked++
		out.Bytes += c.Size
		if p.Bytes = out.Bytes; req.Progress != nil {
			req.Progress(p)
		}
	}
	return out, nil
}

// toVerify lists what a request means. Of folders the files are listed too, so
// that everything is read once when the folders are left out.
func (b contentBackend) toVerify(ctx context.Context, kind api.ContentKind, ref string) ([]api.Content, error) {
	if ref != "" {
		cid, err := b.cidOf(kind, ref)
		if err != nil {
			return nil, err
		}
		if _, err := b.n.lib.Blobs().Stat(cid); err != nil {
			return nil, err
		}
		return []api.Content{b.show(content.Entry{CID: cid})}, nil
	}
	return b.List(ctx, kind)
}

func badReason(err error) string {
	switch {
	case errors.Is(err, blob.ErrCorrupt):
		return api.BadCorrupt
	case errors.Is(err, blob.ErrChanged):
		return api.BadChanged
	}
	return api.BadError
}
