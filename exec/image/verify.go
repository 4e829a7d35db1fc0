package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// verify reads all blobs of an image: layers for Linux as they are unpacked,
// each once however many platforms share it, and the rest as bytes.
func (b blobs) verify(ctx context.Context, c Contents, lim Limits) error {
	known := map[layerKey]meter{}
	read := map[string]bool{}
	for _, p := range c.Platforms {
		l, err := b.open(p.Digest, p.Digest, lim)
		if err != nil {
			return err
		}
		if err := l.readLayers(ctx, func() sink { return &inspector{} }, known); err != nil {
			return err
		}
		for _, d := range l.Manifest.Layers {
			read[d.Digest.String()] = true
		}
	}
	for _, d := range c.Blobs {
		if read[d.Digest.String()] {
			continue
		}
		if err := b.verifyBytes(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (b blobs) verifyBytes(ctx context.Context, d ocispec.Descriptor) error {
	p, err := b.path(d.Digest.String())
	if err != nil {
		return err
	}
	f, err := openRegular(p)
	if err != nil {
		return err
	}
	defer f.Close()
	all := newTap(ctx, io.LimitReader(f, d.Size+1), nil)
	n, err := io.Copy(io.Discard, all)
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", exec.ErrImage, err)
	case n != d.Size || all.digest() != d.Digest.String():
		return bad("blob %s is not what its digest says", d.Digest)
	}
	return nil
}

// layerKey is what reading a layer proves: which bytes, and what they unpack
// to.
type layerKey struct{ digest, diff string }

// Verify reads all layers as Unpack does, and writes nothing.
func (l *Layout) Verify(ctx context.Context) error {
	return l.readLayers(ctx, func() sink { return &inspector{} }, nil)
}

// readLayers reads a manifest's layers into sinks. What known holds was read
// before and is only counted; what is read is added to it.
func (l *Layout) readLayers(ctx context.Context, layerSink func() sink, known map[layerKey]meter) error {
	m := &meter{lim: l.lim}
	for i, d := range l.Manifest.Layers {
		key := layerKey{d.Digest.String(), l.Config.RootFS.DiffIDs[i].String()}
		if cost, ok := known[key]; ok {
			if err := m.add(cost); err != nil {
				return err
			}
			continue
		}
		before := *m
		to := layerSink()
		err := l.readLayer(ctx, i, m, to)
		to.close()
		if err != nil && ctx.Err() == nil && !errors.Is(err, exec.ErrImageTooBig) && !errors.Is(err, exec.ErrImage) {
			err = fmt.Errorf("%w: layer %d: %w", exec.ErrImage, i, err)
		}
		if err != nil {
			return err
		}
		if known != nil {
			known[key] = m.since(before)
		}
	}
	return nil
}
