package content

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/store/blob"
)

// PullImage makes sure that an image is here: one by a name here, a digest, a
// CID, or npub1…/name, the name that an author gave it. What is not here is
// fetched as o says, and counts only when its layout holds the digest meant.
// It returns the image and the folder of its layout, which stays as long as the
// blob does. Errors: ErrNoName, those of FetchWith and of image.Open.
func (l *Library) PullImage(ctx context.Context, ref string, o FetchOptions) (Entry, string, error) {
	author, name, theirs := SplitRef(ref)
	var n Named
	err := ErrNoName
	if theirs { // what it means here may be what it meant once
		n, err = l.ResolveName(ctx, author, Image, name)
	}
	if err == nil {
		return l.pull(ctx, Entry{Kind: Image, Digest: n.Digest, CID: n.CID}, o)
	}
	if e, err := l.Lookup(Image, ref); err == nil && l.Has(e.CID) {
		dir, err := l.layOut(ctx, "images", e.CID)
		return e, dir, err
	} else if err != nil && !errors.Is(err, ErrNoName) {
		return e, "", err
	}
	if strings.HasPrefix(ref, "sha256:") {
		cids, err := l.ResolveDigest(ctx, ref)
		if err != nil {
			return Entry{}, "", err
		}
		var errs []error
		for _, cid := range cids {
			e, dir, err := l.pull(ctx, Entry{Kind: Image, Digest: ref, CID: cid}, o)
			if err == nil || ctx.Err() != nil {
				return e, dir, err
			}
			errs = append(errs, fmt.Errorf("%s: %w", cid, err))
		}
		return Entry{}, "", errors.Join(errs...)
	}
	if form, err := holders.FormOf(ref); err == nil && form == holders.FormCID {
		return l.pull(ctx, Entry{Kind: Image, CID: ref}, o)
	}
	if !theirs {
		err = fmt.Errorf("%w: image %.200q", ErrNoName, ref)
	}
	return Entry{}, "", err
}

// pull fetches a layout and looks that it holds the image.
func (l *Library) pull(ctx context.Context, e Entry, o FetchOptions) (Entry, string, error) {
	known := l.Has(e.CID)
	info, err := l.FetchWith(ctx, e.CID, o)
	if err != nil {
		return e, "", err
	}
	if !info.Dir {
		return e, "", fmt.Errorf("%w: %s is a file, no layout of an image", blob.ErrFileType, e.CID)
	}
	e.Size, e.Dir = info.Size, true
	dir, err := l.layOut(ctx, "images", e.CID)
	if err != nil {
		return e, "", err
	}
	if e.Digest == "" {
		layout, err := image.Open(dir, "", image.Limits{})
		if err != nil {
			return e, "", err
		}
		e.Digest = layout.Digest
		return e, dir, l.indexDigest(e.Digest, e.CID)
	}
	// Of any platform: it may be for another machine that pulls from this one.
	if _, err := image.Inspect(dir, e.Digest, image.Limits{}); err != nil {
		if !known {
			err = errors.Join(err, l.discard(e.CID))
		}
		return e, "", err
	}
	return e, dir, l.indexDigest(e.Digest, e.CID)
}

// discard lets go what was fetched for something that it is not: it is not given
// to others, and goes at the next collection.
func (l *Library) discard(cid string) error {
	err := l.blobs.Remove(cid)
	if errors.Is(err, blob.ErrInUse) || errors.Is(err, blob.ErrNotHave) {
		err = nil // somebody else has a use for it
	}
	return errors.Join(err, l.Unshare(cid), l.sweepLayouts())
}

// Locate finds what a ref of a model or of data stands for without fetching it:
// a name here, a CID, or npub1…/name. Errors: ErrNoName.
func (l *Library) Locate(ctx context.Context, kind Kind, ref string) (Entry, error) {
	e, err := l.Lookup(kind, ref)
	if err == nil || !errors.Is(err, ErrNoName) {
		return e, err
	}
	if form, ferr := holders.FormOf(ref); ferr == nil && form == holders.FormCID {
		return Entry{Kind: kind, CID: ref}, nil
	}
	author, name, ok := SplitRef(ref)
	if !ok {
		return e, err
	}
	n, err := l.ResolveName(ctx, author, kind, name)
	return Entry{Kind: kind, Digest: n.Digest, CID: n.CID, Size: n.Size}, err
}
