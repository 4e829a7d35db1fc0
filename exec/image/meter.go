package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"infernet.tech/infernet/exec"
)

// ratioSlack is unpacked freely before the ratio is looked at: a small layer
// of zeros is common and harmless.
const ratioSlack = 16 << 20

// meter counts what one image costs over all its layers. Compressed is how
// long the layers begun are as they lie; stream is the archives' own bytes;
// content is what the files in them claim, which a sparse archive makes larger
// than the stream. A claim says what is to come, so both are held against
// whole layers and not against the part that was read.
type meter struct {
	lim        Limits
	compressed int64
	stream     int64
	content    int64
	entries    int
}

// add counts a layer once more that cost this much when it was read.
func (m *meter) add(cost meter) error {
	m.compressed += cost.compressed
	m.stream += cost.stream
	m.content += cost.content
	m.entries += cost.entries
	return m.check()
}

// since is what was counted after a meter stood at before.
func (m *meter) since(before meter) meter {
	return meter{
		compressed: m.compressed - before.compressed, stream: m.stream - before.stream,
		content: m.content - before.content, entries: m.entries - before.entries,
	}
}

// addLayer begins a layer that is size bytes as it lies, which the caller has
// seen and not only been told.
func (m *meter) addLayer(size int64) { m.compressed += size }

func (m *meter) addStream(n int64) error {
	m.stream += n
	return m.check()
}

// addEntry counts a file before any of it is written.
func (m *meter) addEntry(size int64) error {
	m.entries++
	if size < 0 || size > m.lim.Bytes {
		return fmt.Errorf("%w: an entry of %d bytes", exec.ErrImageTooBig, size)
	}
	m.content += size
	return m.check()
}

func (m *meter) check() error {
	if m.entries > m.lim.Entries {
		return fmt.Errorf("%w: more than %d entries", exec.ErrImageTooBig, m.lim.Entries)
	}
	n := max(m.stream, m.content)
	if n > m.lim.Bytes {
		return fmt.Errorf("%w: unpacks to more than %d bytes", exec.ErrImageTooBig, m.lim.Bytes)
	}
	if n > ratioSlack+m.compressed*m.lim.Ratio {
		return fmt.Errorf("%w: unpacks to more than %d times its size", exec.ErrImageTooBig, m.lim.Ratio)
	}
	return nil
}

// tap is a reader that hashes what passes through it, and reports it where
// somebody counts.
type tap struct {
	r    io.Reader
	done func() error // tells that the reading was called off
	hash hash.Hash
	seen func(n int64) error
}

func newTap(ctx context.Context, r io.Reader, seen func(int64) error) *tap {
	return &tap{r: r, done: ctx.Err, hash: sha256.New(), seen: seen}
}

func (t *tap) Read(p []byte) (int, error) {
	if err := t.done(); err != nil {
		return 0, err
	}
	n, err := t.r.Read(p)
	t.hash.Write(p[:n])
	if t.seen != nil {
		if serr := t.seen(int64(n)); serr != nil {
			return n, serr
		}
	}
	return n, err
}

func (t *tap) digest() string { return fmt.Sprintf("sha256:%x", t.hash.Sum(nil)) }
