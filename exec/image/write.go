package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// File is one regular file of an image: its bytes, or the host file they are
// read from.
type File struct {
	Mode os.FileMode // permission bits; zero is 0644
	Data []byte      // the content, unless Path is set
	Path string      // the host file that holds the content
}

// Spec describes an image to be written.
type Spec struct {
	Files      map[string]File // by path in the image, as "bin/tool" or "/bin/tool"
	Dirs       []string        // empty folders to make
	Entrypoint []string
	Cmd        []string
	Env        []string
	WorkDir    string
	User       string
	OS, Arch   string // default linux and this machine's architecture
	Labels     map[string]string
	Name       string // kept as the layout's ref name; not part of the digest
}

// epoch is the time of every file and record, so that equal specs give equal
// digests.
var epoch = time.Unix(0, 0).UTC()

// WriteLayout writes an OCI image layout with one uncompressed layer into dir,
// which must be empty or missing, and returns the digest of its manifest. The
// same spec gives the same bytes always.
func WriteLayout(dir string, s Spec) (string, error) {
	if err := emptyDir(dir); err != nil {
		return "", err
	}
	w := layoutWriter{dir: dir}
	layer, err := w.layer(s)
	if err != nil {
		return "", err
	}
	config := ocispec.Image{
		Created:  &epoch,
		Platform: ocispec.Platform{OS: orElse(s.OS, "linux"), Architecture: orElse(s.Arch, runtime.GOARCH)},
		Config: ocispec.ImageConfig{
			User: s.User, Env: s.Env, Entrypoint: s.Entrypoint, Cmd: s.Cmd,
			WorkingDir: s.WorkDir, Labels: s.Labels,
		},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}
	return w.finish(config, []ocispec.Descriptor{layer}, s.Name)
}

// layoutWriter puts blobs into a layout folder and closes it with an index.
type layoutWriter struct{ dir string }

// finish writes config, manifest and index and returns the manifest's digest.
func (w layoutWriter) finish(config ocispec.Image, layers []ocispec.Descriptor, name string) (string, error) {
	cd, err := w.json(ocispec.MediaTypeImageConfig, config)
	if err != nil {
		return "", err
	}
	md, err := w.json(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    cd,
		Layers:    layers,
	})
	if err != nil {
		return "", err
	}
	return md.Digest.String(), w.index(md, name)
}

// index closes the layout: the one image in it is root.
func (w layoutWriter) index(root ocispec.Descriptor, name string) error {
	if name != "" {
		root.Annotations = map[string]string{ocispec.AnnotationRefName: name}
	}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{root},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, ocispec.ImageIndexFile), index, 0o644); err != nil {
		return err
	}
	version := fmt.Sprintf(`{"imageLayoutVersion":%q}`, ocispec.ImageLayoutVersion)
	return os.WriteFile(filepath.Join(w.dir, ocispec.ImageLayoutFile), []byte(version), 0o644)
}

func (w layoutWriter) json(mediaType string, v any) (ocispec.Descriptor, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return w.bytes(mediaType, raw)
}

func (w layoutWriter) bytes(mediaType string, raw []byte) (ocispec.Descriptor, error) {
	return w.blob(mediaType, func(out io.Writer) error {
		_, err := out.Write(raw)
		return err
	})
}

// blob writes what fill writes, under the digest of it.
func (w layoutWriter) blob(mediaType string, fill func(io.Writer) error) (ocispec.Descriptor, error) {
	blobs := filepath.Join(w.dir, ocispec.ImageBlobsDir, "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return ocispec.Descriptor{}, err
	}
	tmp, err := os.CreateTemp(w.dir, ".blob-*")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer os.Remove(tmp.Name())
	sum := sha256.New()
	n := &countWriter{w: io.MultiWriter(tmp, sum)}
	err = fill(n)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	d := digest.NewDigest(digest.SHA256, sum)
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return ocispec.Descriptor{}, err
	}
	err = os.Rename(tmp.Name(), filepath.Join(blobs, d.Encoded()))
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: n.n}, err
}

func (w layoutWriter) layer(s Spec) (ocispec.Descriptor, error) {
	return w.blob(ocispec.MediaTypeImageLayer, func(out io.Writer) error {
		tw := tar.NewWriter(out)
		if err := writeTree(tw, s); err != nil {
			return err
		}
		return tw.Close()
	})
}

// writeTree writes folders before what lies in them, all in byte order.
func writeTree(tw *tar.Writer, s Spec) error {
	files := map[string]File{}
	dirs := map[string]bool{}
	for name, f := range s.Files {
		clean := strings.TrimPrefix(path.Clean("/"+name), "/")
		if _, twice := files[clean]; clean == "" || twice {
			return fmt.Errorf("image: file name %.80q is empty or there twice", name)
		}
		files[clean] = f
		addParents(dirs, clean)
	}
	for _, d := range s.Dirs {
		if clean := strings.TrimPrefix(path.Clean("/"+d), "/"); clean != "" {
			dirs[clean] = true
			addParents(dirs, clean)
		}
	}
	names := make([]string, 0, len(files)+len(dirs))
	for n := range dirs {
		if _, both := files[n]; both {
			return fmt.Errorf("image: %.80q is both a file and a folder", n)
		}
		names = append(names, n)
	}
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if err := writeEntry(tw, n, files[n], dirs[n]); err != nil {
			return err
		}
	}
	return nil
}

func addParents(dirs map[string]bool, name string) {
	for d := path.Dir(name); d != "."; d = path.Dir(d) {
		dirs[d] = true
	}
}

func writeEntry(tw *tar.Writer, name string, f File, dir bool) error {
	if dir {
		return tw.WriteHeader(&tar.Header{
			Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: epoch, Format: tar.FormatPAX,
		})
	}
	mode := f.Mode.Perm()
	if mode == 0 {
		mode = 0o644
	}
	content, size, err := open(f)
	if err != nil {
		return err
	}
	defer content.Close()
	err = tw.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: size, ModTime: epoch, Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(tw, content)
	return err
}

func open(f File) (io.ReadCloser, int64, error) {
	if f.Path == "" {
		return io.NopCloser(bytes.NewReader(f.Data)), int64(len(f.Data)), nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("image: %s is not a regular file", f.Path)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// emptyDir makes dir, or sees that nothing is in it.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("image: folder %s is not empty", dir)
	}
	return nil
}

// clearDir empties a folder of ours as well as it can after a failure.
func clearDir(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
