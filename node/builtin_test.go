package node

import (
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/node/content"
)

// TestStampCountsBothPrograms: an image made of one program is stale once the
// second is there, is another, or is gone again.
func TestStampCountsBothPrograms(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "infernet-llm")
	t.Setenv(engine.BinaryEnv, plain)
	write := func(path, what string) {
		if err := os.WriteFile(path, []byte(what), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stamp := func() string {
		s, err := builtin{}.Stamp(content.Image, engine.ImageName)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	write(plain, "a program")
	alone := stamp()
	write(plain+"-v3", "fast")
	both := stamp()
	write(plain+"-v3", "faster")
	faster := stamp()
	if alone == both || both == faster || alone == faster {
		t.Errorf("stamps %q, %q, %q", alone, both, faster)
	}
	if err := os.Remove(plain + "-v3"); err != nil {
		t.Fatal(err)
	}
	if again := stamp(); again != alone {
		t.Errorf("stamp %q, was %q", again, alone)
	}
}
