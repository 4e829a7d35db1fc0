//go:build linux

package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// prepared is an image unpacked on disk. Its lock is held while it is made, so
// that many tasks starting at once unpack it once.
type prepared struct {
	mu     sync.Mutex
	done   bool
	config ocispec.ImageConfig
	rootfs string
	uid    uint32
	gid    uint32
}

var imageDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// halfImage begins the names of folders that are being unpacked.
const halfImage = ".half-"

// Prepare verifies and unpacks the image, unless it is there already.
func (r *Runner) Prepare(ctx context.Context, img exec.Image) error {
	if _, err := r.wait(ctx); err != nil {
		return err
	}
	_, err := r.prepare(ctx, img)
	return err
}

func (r *Runner) prepare(ctx context.Context, img exec.Image) (*prepared, error) {
	if !imageDigest.MatchString(img.Digest) {
		return nil, fmt.Errorf("%w: digest %.80q", exec.ErrImage, img.Digest)
	}
	hex := strings.TrimPrefix(img.Digest, "sha256:")
	r.mu.Lock()
	p := r.images[hex]
	if p == nil {
		p = &prepared{}
		r.images[hex] = p
	}
	r.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return p, nil
	}
	dir := filepath.Join(r.cfg.images(), hex)
	err := p.load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.unpack(ctx, img, dir); err == nil {
			err = p.load(dir)
		}
	}
	p.done = err == nil
	return p, err
}

// load reads what unpack has left. Those files are ours, not the stranger's.
func (p *prepared) load(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &p.config); err != nil {
		return err
	}
	p.rootfs = filepath.Join(dir, "rootfs")
	p.uid, p.gid, err = imageUser(p.rootfs, p.config.User)
	return err
}

// Prepared lists the digests of the images that are unpacked.
func (r *Runner) Prepared() ([]string, error) {
	entries, err := os.ReadDir(r.cfg.images())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var digests []string
	for _, e := range entries {
		if len(e.Name()) == 64 {
			digests = append(digests, "sha256:"+e.Name())
		}
	}
	return digests, err
}

// Remove deletes an unpacked image, to free its disk space. It refuses while a
// task runs on it.
func (r *Runner) Remove(digest string) error {
	if !imageDigest.MatchString(digest) {
		return fmt.Errorf("%w: digest %.80q", exec.ErrImage, digest)
	}
	hex := strings.TrimPrefix(digest, "sha256:")
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.live {
		if t.spec.Image.Digest == digest {
			return fmt.Errorf("exec/containerd: task %s runs on image %s", t.spec.ID, digest)
		}
	}
	// Out of the way under the lock, so that the next Start unpacks it anew.
	gone := filepath.Join(r.cfg.images(), halfImage+hex)
	if err := os.Rename(filepath.Join(r.cfg.images(), hex), gone); err != nil {
		return fmt.Errorf("exec/containerd: remove image: %w", err)
	}
	delete(r.images, hex)
	return os.RemoveAll(gone)
}

// unpack makes the image's folder under another name and renames it when it is
// whole: a folder under its digest is always complete.
func (r *Runner) unpack(ctx context.Context, img exec.Image, dir string) error {
	if img.Layout == "" {
		return fmt.Errorf("%w: %s is not prepared, and no layout is given", exec.ErrImage, img.Digest)
	}
	l, err := image.Open(img.Layout, img.Digest, r.cfg.ImageLimits)
	if err != nil {
		return err
	}
	half, err := os.MkdirTemp(r.cfg.images(), halfImage)
	if err != nil {
		return err
	}
	defer os.RemoveAll(half)
	rootfs := filepath.Join(half, "rootfs")
	if err := os.Mkdir(rootfs, 0o755); err != nil {
		return err
	}
	if err := l.Unpack(ctx, rootfs); err != nil {
		return err
	}
	if err := makeMountPoints(rootfs); err != nil {
		return fmt.Errorf("%w: %w", exec.ErrImage, err)
	}
	raw, err := json.Marshal(l.Config.Config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(half, "config.json"), raw, 0o644); err != nil {
		return err
	}
	for _, kind := range modelKinds {
		if err := kind.make(half); err != nil {
			return err
		}
	}
	if err := os.Chmod(half, 0o755); err != nil {
		return err
	}
	// What has its digest for a name must be whole after a power cut, too.
	if err := syncTree(half); err != nil {
		return err
	}
	return os.Rename(half, dir)
}

// syncTree writes the file system of dir to disk.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// makeMountPoints makes the folders that newSpec mounts on: the root is
// read-only when the runtime looks for them. /model is not among them; a task
// without a model must not find one.
func makeMountPoints(rootfs string) error {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range []string{"proc", "dev", "tmp", "in", "out"} {
		if info, err := root.Lstat(name); err == nil && info.IsDir() {
			continue
		}
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		if err := root.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	return root.RemoveAll("model")
}

// A modelKind is a folder with nothing in it but a place for /model, laid over
// the image's root when the task has a model.
type modelKind struct {
	name string
	dir  bool
}

var modelKinds = []modelKind{{"model-file", false}, {"model-dir", true}}

func (k modelKind) make(parent string) error {
	point := filepath.Join(parent, k.name, "model")
	if k.dir {
		return os.MkdirAll(point, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(point), 0o755); err != nil {
		return err
	}
	return os.WriteFile(point, nil, 0o644)
}

// removeHalfImages removes what was being unpacked when a process died.
func (r *Runner) removeHalfImages() error {
	entries, err := os.ReadDir(r.cfg.images())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), halfImage) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(r.cfg.images(), e.Name())))
		}
	}
	return err
}
