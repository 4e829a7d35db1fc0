package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"infernet.tech/infernet/node/compare"
)

// unfit tells of results that are not put before the program.
type unfit struct{ a, b error }

func (u *unfit) Error() string { return errors.Join(u.a, u.b).Error() }

// outcome: what no result may hold is different from what one may; just too
// large is nobody's fault.
func (u *unfit) outcome() compare.Outcome {
	why := strings.ToValidUTF8(fmt.Sprintf("%.380s", u.Error()), "")
	if u.a != nil && u.b != nil {
		why = "neither result can be compared"
	}
	for _, err := range []error{u.a, u.b} {
		if (u.a == nil || u.b == nil) && errors.Is(err, compare.ErrMalformed) {
			return compare.Outcome{Answer: compare.Mismatch, Why: why}
		}
	}
	return compare.Outcome{Answer: compare.Inconclusive, Score: 0.5, Why: why}
}

// staged is a folder that holds two results as a and b.
type staged struct{ root, dir string }

// stage copies two results. Errors: *unfit, those of reading and writing.
func (c *Comparator) stage(ctx context.Context, a, b fs.FS) (*staged, error) {
	if err := os.MkdirAll(c.cfg.Scratch, 0o755); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	root, err := os.MkdirTemp(c.cfg.Scratch, "compare-")
	if err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	s := &staged{root: root, dir: filepath.Join(root, "in")}
	if err := errors.Join(os.Chmod(root, 0o755), os.Mkdir(s.dir, 0o755)); err != nil {
		return s, fmt.Errorf("container: %w", err)
	}
	ea := c.copy(ctx, a, filepath.Join(s.dir, "a"))
	eb := c.copy(ctx, b, filepath.Join(s.dir, "b"))
	for _, err := range []error{ea, eb} {
		if err != nil && !errors.Is(err, compare.ErrLarge) && !errors.Is(err, compare.ErrMalformed) {
			return s, fmt.Errorf("container: %w", err)
		}
	}
	if ea != nil || eb != nil {
		return s, &unfit{a: ea, b: eb}
	}
	return s, nil
}

func (s *staged) remove() { _ = os.RemoveAll(s.root) }

// swap changes the two round.
func (s *staged) swap() error {
	a, b, t := filepath.Join(s.dir, "a"), filepath.Join(s.dir, "b"), filepath.Join(s.root, "t")
	for _, m := range [][2]string{{a, t}, {b, a}, {t, b}} {
		if err := os.Rename(m[0], m[1]); err != nil {
			return fmt.Errorf("container: %w", err)
		}
	}
	return nil
}

// hide puts an empty folder in the place of b until restore, and tells whether a
// is one as well.
func (s *staged) hide() (restore func() error, empty bool, err error) {
	b, away := filepath.Join(s.dir, "b"), filepath.Join(s.root, "away")
	entries, err := os.ReadDir(filepath.Join(s.dir, "a"))
	if err := errors.Join(err, os.Rename(b, away), plain(b)); err != nil {
		return nil, false, fmt.Errorf("container: %w", err)
	}
	return func() error { return errors.Join(os.Remove(b), os.Rename(away, b)) }, len(entries) == 0, nil
}

// copy writes a result to dir and nowhere else, whatever its names are. Errors:
// compare.ErrLarge, compare.ErrMalformed, those of reading and writing.
func (c *Comparator) copy(ctx context.Context, from fs.FS, dir string) (err error) {
	list, err := compare.List(ctx, from)
	if err != nil {
		return err
	}
	if err := plain(dir); err != nil {
		return err
	}
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	left := c.cfg.MaxBytes
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Folder() {
			if err := errors.Join(to.Mkdir(e.Path, 0o755), to.Chmod(e.Path, 0o755)); err != nil {
				return err
			}
			continue
		}
		n, err := copyFile(from, to, e.Path, left)
		if err != nil {
			return err
		}
		left -= n
	}
	for i := len(list) - 1; i >= 0; i-- { // folders after what is in them
		if err := to.Chtimes(list[i].Path, epoch, epoch); err != nil {
			return err
		}
	}
	return os.Chtimes(dir, epoch, epoch)
}

// epoch is when all files were made, as far as the program sees.
var epoch = time.Unix(0, 0)

// plain makes a folder that everybody can read.
func plain(dir string) error {
	return errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755), os.Chtimes(dir, epoch, epoch))
}

func copyFile(from fs.FS, to *os.Root, name string, limit int64) (n int64, err error) {
	r, err := from.Open(name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	w, err := to.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(w, io.LimitReader(r, limit+1))
	err = errors.Join(err, w.Chmod(0o644), w.Close())
	if err == nil && n > limit {
		err = fmt.Errorf("%w: more than %d bytes", compare.ErrLarge, limit)
	}
	return n, err
}
