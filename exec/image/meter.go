package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"

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
	steps      int64
}

// add counts a layer once more that cost this much when it was read.
func (m *meter) add(cost meter) error {
	m.compressed += cost.compressed
	m.stream += cost.stream
	m.content += cost.content
	m.entries += cost.entries
	m.steps += cost.steps
	return m.check()
}

// since is what was counted after a meter stood at before.
func (m *meter) since(before meter) meter {
	return meter{
		compressed: m.compressed - before.compressed, stream: m.stream - before.stream,
		content: m.content - before.content, entries: m.entries - before.entries, steps: m.steps - before.steps,
	}
}

// addLayer begins a layer that is size bytes as it lies, which the caller has
// seen and not only been told.
func (m *meter) addLayer(size int64) { m.compressed += size }

func (m *meter) addStream(n int64) error {
	m.stream += n
	return m.check()
}

// maxDeep is the most folders in one name.
const maxDeep = 128

// stepsEach is the work that one entry may cost on average. A name of n
// folders costs the system n of n steps: many short ones are honest, and so are
// a few deep ones.
const stepsEach = 256

// addEntry counts a file before any of it is written.
func (m *meter) addEntry(h *tar.Header) error {
	m.entries++
	if h.Size < 0 || h.Size > m.lim.Bytes {
		return fmt.Errorf("%w: an entry of %d bytes", exec.ErrImageTooBig, h.Size)
	}
	deep := int64(strings.Count(h.Name, "/"))
	if deep > maxDeep {
		return fmt.Errorf("%w: a name of %d folders", exec.ErrImageTooBig, deep)
	}
	m.steps += deep * deep
	m.content += h.Size
	return m.check()
}

func (m *meter) check() error {
	if m.entries > m.lim.Entries {
		return fmt.Errorf("%w: more than %d entries", exec.ErrImageTooBig, m.lim.Entries)
	}
	if m.steps > stepsEach*int64(m.lim.Entries) {
		return fmt.Errorf("%w: too many deep names", exec.ErrImageTooBig)
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
