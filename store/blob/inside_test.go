package blob

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInside(t *testing.T) {
	t.Parallel()
	s, dir := newStore(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "sub/b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	top, err := s.AddTree(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := s.Add(t.Context(), strings.NewReader("alone"))
	if err != nil {
		t.Fatal(err)
	}
	inside, err := s.Inside()
	if err != nil || len(inside) != 3 || inside[top.CID] || inside[alone.CID] {
		t.Errorf("%v, %v", inside, err)
	}
}
