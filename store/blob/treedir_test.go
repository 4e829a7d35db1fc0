package blob

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestFolderHandle has the entries of an open folder swapped for links that
// lead out of it, and the folder itself.
func TestFolderHandle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, p := range []string{in, filepath.Join(in, "sub"), out} {
		if err := os.Mkdir(p, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeIn(t, filepath.Join(in, "file"), []byte("inside"))
	writeIn(t, filepath.Join(out, "file"), []byte("secret"))
	d, err := openDir(in)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	buf := make([]byte, 64)
	n, long, size, err := d.read("file", buf)
	if err != nil || long != nil || size != 6 || !bytes.Equal(buf[:n], []byte("inside")) {
		t.Fatalf("read: %q, %v, %d, %v", buf[:n], long, size, err)
	}
	if n, long, size, err = d.read("file", buf[:5]); err != nil || long == nil || n != 0 || size != 6 {
		t.Fatalf("read of a longer file: %d, %v, %d, %v", n, long, size, err)
	}
	if got := make([]byte, 6); true {
		if _, err := long.ReadAt(got, 0); err != nil || string(got) != "inside" {
			t.Errorf("the longer file: %q, %v", got, err)
		}
	}
	_ = long.Close()

	// The handle stays with the folder, whatever its name leads to now.
	if err := os.Rename(in, in+"2"); err != nil {
		t.Fatal(err)
	}
	linkTo(t, out, in)
	if n, _, _, err = d.read("file", buf); err != nil || string(buf[:n]) != "inside" {
		t.Errorf("through a folder that was swapped: %q, %v", buf[:n], err)
	}
	for _, name := range []string{"file", "sub"} {
		if err := os.Remove(filepath.Join(in+"2", name)); err != nil {
			t.Fatal(err)
		}
	}
	linkTo(t, filepath.Join(out, "file"), filepath.Join(in+"2", "file"))
	linkTo(t, out, filepath.Join(in+"2", "sub"))
	if n, _, _, err = d.read("file", buf); err == nil {
		t.Errorf("read over a link: %q", buf[:n])
	}
	if f, _, err := d.open("file"); err == nil {
		t.Errorf("opened %s over a link", f.Name())
	}
	if _, err := d.sub("sub"); err == nil {
		t.Error("opened a folder over a link")
	}
}

func writeIn(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func linkTo(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}
