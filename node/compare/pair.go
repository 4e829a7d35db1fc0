package compare

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// difference is a way in which two results differ that no tolerance excuses.
type difference struct{ why string }

func (d *difference) Error() string { return d.why }

func differ(format string, args ...any) error { return &difference{why: fmt.Sprintf(format, args...)} }

// unclear is what keeps two results from being compared and is nobody's fault.
type unclear struct{ why string }

func (u *unclear) Error() string { return u.why }

// blamed tells whether an error is a result's own and not that of reading it.
func blamed(err error) bool { return errors.Is(err, ErrLarge) || errors.Is(err, ErrMalformed) }

// readable turns what reading two results or files came to into one error. One
// unreadable side differs from a readable one; of two unreadable ones nobody
// knows. Just too large is unclear: an honest result may be that by a hair.
func readable(a, b error) error {
	for _, err := range []error{a, b} {
		if err != nil && !blamed(err) {
			return err
		}
	}
	switch {
	case a == nil && b == nil:
		return nil
	case a != nil && b != nil:
		return &unclear{why: fmt.Sprintf("neither can be read: %v; %v", a, b)}
	}
	which, err := "first", a
	if a == nil {
		which, err = "second", b
	}
	if errors.Is(err, ErrLarge) {
		return &unclear{why: fmt.Sprintf("the %s is %v", which, err)}
	}
	return differ("the %s cannot be read: %v", which, err)
}

// file is one path of two results.
type file struct {
	path  string
	a, b  fs.FS
	sizeA int64
	sizeB int64
}

func (f file) open() (a, b fs.File, err error) {
	if a, err = f.a.Open(f.path); err != nil {
		return nil, nil, err
	}
	if b, err = f.b.Open(f.path); err != nil {
		_ = a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

// with calls do with both files open.
func (f file) with(do func(a, b readFile) error) error {
	a, b, err := f.open()
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	return do(a, b)
}

// same tells whether the two are equal byte for byte.
func (f file) same(ctx context.Context) (same bool, err error) {
	if f.sizeA != f.sizeB {
		return false, nil
	}
	err = f.with(func(a, b readFile) error { same, err = sameBytes(ctx, a, b); return err })
	return same, err
}

// bounded holds both to a size. What is twice too large for one that is well
// within is a difference.
func (f file) bounded(limit int64) error {
	big, small := max(f.sizeA, f.sizeB), min(f.sizeA, f.sizeB)
	switch {
	case big <= limit:
		return nil
	case small <= limit/2:
		return differ("one has %d bytes, the other %d", small, big)
	}
	return &unclear{why: fmt.Sprintf("%d bytes are more than can be compared", big)}
}

// each holds two results to the same names and hands their files to do. Errors:
// *difference, *unclear, those of reading and of do.
func each(ctx context.Context, a, b fs.FS, do func(file) error) error {
	la, ea := List(ctx, a)
	lb, eb := List(ctx, b)
	if err := listed(la, lb, ea, eb); err != nil {
		return err
	}
	for i, e := range la {
		switch {
		case i >= len(lb) || e.Path < lb[i].Path:
			return differ("only the first has %.120q", e.Path)
		case e.Path > lb[i].Path:
			return differ("only the second has %.120q", lb[i].Path)
		case e.Folder() != lb[i].Folder():
			return differ("%.120q is a folder in one and a file in the other", e.Path)
		}
	}
	if len(lb) > len(la) {
		return differ("only the second has %.120q", lb[len(la)].Path)
	}
	for i, e := range la {
		if e.Folder() {
			continue
		}
		f := file{path: e.Path, a: a, b: b, sizeA: e.Size, sizeB: lb[i].Size}
		if err := do(f); err != nil {
			return within(f.path, err)
		}
	}
	return nil
}

// listed is readable for folders: one with far more entries than the other is
// different from it, whether it can be read or not.
func listed(la, lb []Entry, ea, eb error) error {
	if errors.Is(ea, ErrLarge) && eb == nil && len(lb) <= MaxEntries/2 {
		return differ("the first is %v, the second has %d entries", ea, len(lb))
	}
	if errors.Is(eb, ErrLarge) && ea == nil && len(la) <= MaxEntries/2 {
		return differ("the second is %v, the first has %d entries", eb, len(la))
	}
	return readable(ea, eb)
}

// within names the file in what was found.
func within(path string, err error) error {
	var d *difference
	var u *unclear
	switch {
	case errors.As(err, &d):
		return differ("%.120q: %s", path, d.why)
	case errors.As(err, &u):
		return &unclear{why: fmt.Sprintf("%.120q: %s", path, u.why)}
	}
	return err
}

// conclude turns what each and its like return into an outcome; false means that
// all names and files were seen and what they hold decides.
func conclude(err error) (Outcome, bool, error) {
	var d *difference
	var u *unclear
	switch {
	case err == nil:
		return Outcome{}, false, nil
	case errors.As(err, &d):
		return Outcome{Answer: Mismatch, Why: cut(d.why)}, true, nil
	case errors.As(err, &u):
		return Outcome{Answer: Inconclusive, Score: 0.5, Why: cut(u.why)}, true, nil
	}
	return Outcome{Answer: Inconclusive, Score: 0.5}, true, fmt.Errorf("compare: %w", err)
}

// maxWhy bounds what is said of an outcome, in bytes.
const maxWhy = 400

func cut(s string) string {
	if len(s) <= maxWhy {
		return s
	}
	return strings.ToValidUTF8(s[:maxWhy-3], "") + "…"
}
