package compare

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Image are the thresholds of the image comparator. SSIM is the structural
// similarity (Wang, Bovik, Sheikh, Simoncelli, 2004), the mean of all colours;
// Cell that of the worst of 8 by 8 parts of the picture. Hash is the distance of
// the perceptual hashes, in bits of 64; Tone that of the mean colours of these
// parts, as their root mean square in levels of 255.
//
// A match has at least SSIM and in each part Cell. A mismatch has less than SSIM
// and a hash beyond Hash or colours beyond Tone, or a part below FarCell. All
// between is inconclusive: two honest machines may well paint a leaf differently.
type Image struct {
	SSIM, Cell, FarCell, Hash, Tone float64
}

// DefaultImage holds for one seed on machines of one class.
func DefaultImage() Image { return Image{SSIM: 0.98, Cell: 0.9, FarCell: 0.3, Hash: 6, Tone: 20} }

// likeness is what the pictures of a pair of results have in common at worst.
type likeness struct {
	pictures   int
	ssim, cell float64
	hash       int
	tone       float64
	hidden     bool // what a viewer may look at beside the pixels differs
}

func (l *likeness) take(m likeness) {
	l.pictures += m.pictures
	l.ssim, l.cell, l.hash = min(l.ssim, m.ssim), min(l.cell, m.cell), max(l.hash, m.hash)
	l.tone = max(l.tone, m.tone)
	l.hidden = l.hidden || m.hidden
}

func (l *likeness) judge(t Image) Outcome {
	if l.pictures == 0 {
		return Outcome{Answer: Match, Score: 1, Why: "the same bytes"}
	}
	o := Outcome{Answer: Inconclusive, Score: min(max(l.ssim, 0), 1)}
	o.Why = fmt.Sprintf("of %d pictures the worst has similarity %.4f, %.4f in one part, %d bits of 64 and %.0f levels of colour differ", l.pictures, l.ssim, l.cell, l.hash, l.tone)
	switch {
	case l.ssim < t.SSIM && (float64(l.hash) > t.Hash || l.tone > t.Tone) || l.cell < t.FarCell:
		o.Answer = Mismatch
	case l.ssim >= t.SSIM && l.cell >= t.Cell && l.hidden:
		o.Why += "; what is written beside the pixels differs"
	case l.ssim >= t.SSIM && l.cell >= t.Cell:
		o.Answer = Match
	}
	return o
}

// pictures compares images.
type pictures struct{ t Image }

// NewImage makes the image comparator. Errors: ErrProfile.
func NewImage(t Image) (Comparator, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	return pictures{t: t}, nil
}

func (pictures) Name() string { return "image" }

func (p pictures) Compare(ctx context.Context, a, b fs.FS) (Outcome, error) {
	l, other := likeness{ssim: 1, cell: 1}, false
	err := each(ctx, a, b, func(f file) error {
		err := look(ctx, f, &l)
		other = err != nil && !isPicture(kindOf(f.path))
		return err
	})
	if o, done, err := conclude(err); done {
		if o.Answer == Mismatch && other && !painted(ctx, a) && !painted(ctx, b) {
			// This comparator was chosen for a task that paints nothing: what that
			// writes may well differ from one honest machine to the next.
			o = Outcome{Answer: Inconclusive, Score: 0.5, Why: cut("no picture is in either, choose another comparator: " + o.Why)}
		}
		return o, err
	}
	return l.judge(p.t), nil
}

// painted reports whether a result has a picture, or cannot be listed.
func painted(ctx context.Context, fsys fs.FS) bool {
	all, err := List(ctx, fsys)
	return err != nil || slices.ContainsFunc(all, func(e Entry) bool { return !e.Folder() && isPicture(kindOf(e.Path)) })
}

// kindOf is the kind of a file by its name.
func kindOf(name string) string {
	kind := strings.TrimPrefix(strings.ToLower(path.Ext(name)), ".")
	if kind == "jpg" {
		return "jpeg"
	}
	return kind
}

func isPicture(kind string) bool { return kind == "png" || kind == "jpeg" || kind == "gif" }

// look compares two files. Images must be of the same kind and size.
func look(ctx context.Context, f file, to *likeness) error {
	kind := kindOf(f.path)
	if !isPicture(kind) {
		return equal(ctx, f)
	}
	same, err := f.same(ctx)
	if err != nil || same {
		to.pictures++
		return err
	}
	if err := f.bounded(MaxDocument); err != nil {
		return err
	}
	var x, y []byte
	err = f.with(func(a, b readFile) error {
		var ea, eb error
		x, ea = whole(a)
		y, eb = whole(b)
		return readable(ea, eb)
	})
	if err != nil {
		return err
	}
	m, err := alike(ctx, kind, x, y)
	if err == nil {
		to.take(m)
	}
	return err
}

// alike decodes one after the other and compares frame by frame.
func alike(ctx context.Context, kind string, a, b []byte) (likeness, error) {
	ia, ea := inspect(kind, a)
	ib, eb := inspect(kind, b)
	if err := readable(ea, eb); err != nil {
		return likeness{}, err
	}
	if ia.width != ib.width || ia.height != ib.height || ia.frames != ib.frames {
		return likeness{}, differ("pictures of different sizes")
	}
	fa, ta, ea := decode(kind, a)
	fb, tb, eb := decode(kind, b)
	if err := readable(ea, eb); err != nil {
		return likeness{}, err
	}
	m := likeness{pictures: 1, ssim: 1, cell: 1, hidden: !bytes.Equal(ia.beside, ib.beside)}
	if len(fa) != len(fb) || ta != tb {
		return m, differ("animations of different frames")
	}
	for i := range fa {
		if fa[i].Bounds() != fb[i].Bounds() {
			return m, differ("frames of different sizes")
		}
		x, y := flat(fa[i]), flat(fb[i])
		fa[i], fb[i] = nil, nil
		ssim, cell, err := similarity(ctx, x, y)
		if err != nil {
			return m, err
		}
		m.take(likeness{ssim: ssim, cell: cell, hash: hashDistance(hash(x), hash(y)), tone: toneDistance(x, y)})
	}
	return m, nil
}
