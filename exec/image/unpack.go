package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
)

// Unpack lays the image's files out in dest, an existing empty folder, layer
// upon layer, and verifies every digest. Owners become the caller, set-user-id
// bits, devices and extended attributes are dropped, and what an owner may
// read or execute everybody may: the result serves as a read-only root for a
// user who owns nothing in it. What was written before an error stays.
func (l *Layout) Unpack(ctx context.Context, dest string) error {
	root, err := os.OpenRoot(dest)
	if err != nil {
		return err
	}
	defer root.Close()
	steps := stepsEach * int64(l.lim.Entries)
	return l.readLayers(ctx, func() sink { return newTree(root, &steps) }, nil)
}

// sink takes the entries of one layer.
type sink interface {
	put(h *tar.Header, content io.Reader) error
	close()
}

func (l *Layout) readLayer(ctx context.Context, i int, m *meter, to sink) error {
	desc := l.Manifest.Layers[i]
	path, err := l.blobs.path(desc.Digest.String())
	if err != nil {
		return err
	}
	file, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != desc.Size {
		return bad("layer %d is %d bytes, not %d", i, info.Size(), desc.Size)
	}
	m.addLayer(info.Size())
	// A file that grows meanwhile is not read on.
	packed := newTap(ctx, io.LimitReader(file, desc.Size), nil)
	plain, _, err := decompress(packed)
	if err != nil {
		return err
	}
	defer plain.Close()
	unpacked := newTap(ctx, plain, m.addStream)
	if err := readArchive(unpacked, m, to); err != nil {
		return err
	}
	// Digests cover all bytes, also those after the archive's end mark.
	if _, err := io.Copy(io.Discard, unpacked); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return err
	}
	if got := packed.digest(); got != desc.Digest.String() {
		return bad("layer %d is %s, not %s", i, got, desc.Digest)
	}
	if got, want := unpacked.digest(), l.Config.RootFS.DiffIDs[i].String(); got != want {
		return bad("layer %d unpacks to %s, not %s", i, got, want)
	}
	return nil
}

func readArchive(r io.Reader, m *meter, to sink) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.addEntry(h.Size); err != nil {
			return err
		}
		if err := to.put(h, tr); err != nil {
			return fmt.Errorf("entry %.200q: %w", h.Name, err)
		}
	}
}
