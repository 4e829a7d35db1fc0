package image

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"infernet.tech/infernet/exec"
)

// maxLinks bounds the symbolic links followed for one name, as Linux does.
const maxLinks = 40

// stepsEach is what one entry may cost on average to be found. Walking n
// folders deep costs the system n of n steps, and honest layers walk once for a
// folder of files; one that makes it walk for every file would last for hours.
const stepsEach = 16

// place is an open folder below the root. It keeps what its name leads to while
// nothing on the way is replaced.
type place struct {
	dir  string // as entries spell it
	name string // with no link among its folders
	root *os.Root
}

// locate opens the folder that dir leads to, and makes what is missing.
func (t *tree) locate(dir string) (*place, error) {
	if t.last != nil && t.last.dir == dir {
		return t.last, nil
	}
	t.forget()
	name, err := t.resolve(dir)
	if err != nil {
		return nil, err
	}
	if name != "." {
		if err := t.root.MkdirAll(name, 0o755); err != nil {
			return nil, err
		}
	}
	root, err := t.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	t.last = &place{dir, name, root}
	return t.last, nil
}

// forget makes the next entry walk anew.
func (t *tree) forget() {
	if t.last != nil {
		t.last.root.Close()
		t.last = nil
	}
}

// forgetUnless forgets where the next entry lies when a folder or a link goes
// that could be on the way. The place in hand stays open: it is the one that
// the thing lies in, which is never below it.
func (t *tree) forgetUnless(gone fs.FileInfo, inHand *place) {
	if gone.Mode().IsRegular() {
		return
	}
	inHand.dir = "" // no entry is spelled so
}

// resolve turns a folder's name into one with no link in it. An absolute link
// means the image's root, and what is missing is no link.
func (t *tree) resolve(dir string) (string, error) {
	todo := strings.Split(dir, "/")
	done, links := ".", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		if err := t.step(next); err != nil {
			return "", err
		}
		info, err := t.root.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next // missing folders are made later
			continue
		}
		target, err := t.root.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return "", bad("name %.200q goes through too many links", dir)
		}
		if path.IsAbs(target) {
			done = "."
		}
		todo = append(strings.Split(strings.Trim(target, "/"), "/"), todo...)
	}
	return done, nil
}

// step pays for a look at one name.
func (t *tree) step(name string) error {
	*t.steps -= int64(strings.Count(name, "/")) + 1
	if *t.steps < 0 {
		return fmt.Errorf("%w: its names take too long to find", exec.ErrImageTooBig)
	}
	return nil
}
