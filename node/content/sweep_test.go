package content

import (
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/store/blob"
)

// What was laid out goes with its blob; what is here stays laid out.
func TestLayoutsGoWithTheirBlobs(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	paths := map[string]string{}
	for _, name := range []string{"gone", "kept", "next"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte(name), 0o444); err != nil {
			t.Fatal(err)
		}
		info, err := l.AddTree(t.Context(), dir)
		if err == nil && name == "kept" {
			err = l.blobs.Pin(info.CID)
		}
		if err == nil {
			paths[name], err = l.FetchImage(t.Context(), info.CID, MaxBring)
		}
		if err == nil && name == "kept" { // as when room is made for something else
			_, err = l.blobs.GC(t.Context(), blob.GCOptions{})
		}
		if err != nil {
			t.Fatal(name, err)
		}
	}
	if exists(paths["gone"]) || !exists(paths["kept"]) || !exists(paths["next"]) {
		t.Errorf("gone %v, kept %v, next %v", exists(paths["gone"]), exists(paths["kept"]), exists(paths["next"]))
	}
	if _, err := l.GC(t.Context(), false, nil); err != nil {
		t.Fatal(err)
	}
	if exists(paths["next"]) || !exists(paths["kept"]) {
		t.Errorf("after a collection: next %v, kept %v", exists(paths["next"]), exists(paths["kept"]))
	}
}
