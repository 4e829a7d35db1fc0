package node

import (
	"context"
	"errors"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/store/blob"
)

// Verify implements api.Library. A folder is read with all that is in it; when
// one is bad, its files are read one by one, so that each that is bad is named.
func (b contentBackend) Verify(ctx context.Context, kind api.ContentKind, req api.VerifyRequest) (api.VerifyReport, error) {
	tops, within, err := b.toVerify(ctx, kind, req.Ref)
	if err != nil {
		return api.VerifyReport{}, contentError(err)
	}
	total := uint64(0)
	for _, c := range tops {
		total += c.Size
	}
	v := verifier{blobs: b.n.lib.Blobs(), out: api.VerifyReport{Bad: []api.Bad{}}, read: newReading(api.StageVerify, total, req.Progress)}
	folders, err := v.all(ctx, tops)
	if err == nil && folders {
		_, err = v.all(ctx, within)
	}
	return v.out, err
}

// toVerify lists what a request means, each once: what is looked at, and the
// files that are in folders of it.
func (b contentBackend) toVerify(ctx context.Context, kind api.ContentKind, ref string) (tops, within []api.Content, err error) {
	if ref != "" {
		cid, err := b.cidOf(kind, ref)
		if err != nil {
			return nil, nil, err
		}
		_, err = b.n.lib.Blobs().Stat(cid)
		return []api.Content{b.show(content.Entry{CID: cid})}, nil, err
	}
	list, err := b.List(ctx, kind)
	seen := map[string]bool{}
	for _, c := range list {
		switch {
		case seen[c.CID]:
		case !c.Inside:
			tops = append(tops, c)
		case !c.Dir:
			within = append(within, c)
		}
		seen[c.CID] = true
	}
	return tops, within, err
}

// verifier is one call of Verify.
type verifier struct {
	blobs *blob.Store
	out   api.VerifyReport
	read  *reading
}

// all verifies each of list and tells whether a folder was bad.
func (v *verifier) all(ctx context.Context, list []api.Content) (folders bool, err error) {
	for _, c := range list {
		err := v.blobs.Verify(ctx, c.CID)
		switch {
		case ctx.Err() != nil:
			return folders, ctx.Err()
		case errors.Is(err, blob.ErrNotHave) && !c.Dir:
			continue // removed since it was listed
		case err != nil:
			folders = folders || c.Dir
			v.out.Bad = append(v.out.Bad, api.Bad{Content: c, Reason: badReason(err), Detail: plainWords(err)})
		}
		v.out.Checked++
		v.out.Bytes += c.Size
		if v.read != nil {
			v.read.read(int(c.Size))
		}
	}
	return folders, nil
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
