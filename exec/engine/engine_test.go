package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/image"
)

func TestDemoModelIsWhatItsDigestSays(t *testing.T) {
	t.Parallel()
	model := DemoModel()
	sum := sha256.Sum256(model)
	if got := hex.EncodeToString(sum[:]); got != DemoModelSHA256 {
		t.Errorf("digest %s", got)
	}
	model[0] = 'X'
	if DemoModel()[0] != 'G' {
		t.Error("a caller can change the model for others")
	}
}

func program(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "infernet-llm")
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBinary(t *testing.T) {
	path := program(t, "a program")
	t.Setenv(BinaryEnv, path)
	if got, err := Binary(); err != nil || got != path {
		t.Errorf("got %q, %v", got, err)
	}
	for _, missing := range []string{path + ".none", filepath.Dir(path)} {
		t.Setenv(BinaryEnv, missing)
		_, err := Binary()
		if !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "run make") {
			t.Errorf("%s: %v", missing, err)
		}
	}
	// Nothing lies beside the test's own program.
	t.Setenv(BinaryEnv, "")
	if _, err := Binary(); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("beside the test: %v", err)
	}
}

func TestBuildImage(t *testing.T) {
	t.Setenv(BinaryEnv, program(t, "a program"))
	dir := filepath.Join(t.TempDir(), "images", "llm")
	first, err := BuildImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := BuildImage(dir)
	if err != nil || again != first {
		t.Errorf("built again: %v, %v; want %v", again, err, first)
	}
	layout, err := image.Open(dir, first.Digest, image.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if ep := layout.Config.Config.Entrypoint; len(ep) != 1 || ep[0] != "/infernet-llm" {
		t.Errorf("entrypoint %q", ep)
	}
	t.Setenv(BinaryEnv, program(t, "another program"))
	if other, err := BuildImage(dir); err != nil || other.Digest == first.Digest {
		t.Errorf("another program has the same digest %s, %v", other.Digest, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".engine-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBuildImageOfBothPrograms(t *testing.T) {
	plain := program(t, "a program")
	t.Setenv(BinaryEnv, plain)
	dir := filepath.Join(t.TempDir(), "llm")
	built := func(name string) string {
		img, err := BuildImage(dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return img.Digest
	}
	put := func(content string) {
		if err := os.WriteFile(plain+fastSuffix, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	alone := built("alone")
	if got, err := Chosen(); err != nil || got != plain {
		t.Errorf("alone, %s runs, %v", got, err)
	}
	put("a fast program")
	both := built("both")
	if got, err := Programs(); err != nil || !slices.Equal(got, []string{plain, plain + fastSuffix}) {
		t.Errorf("programs %q, %v", got, err)
	}
	put("a faster program")
	if faster := built("another second"); both == alone || faster == both || faster == alone {
		t.Errorf("digests %s, %s, %s", alone, both, faster)
	}
	put("a fast program")
	if again := built("both again"); again != both {
		t.Errorf("digests %s, %s of equal programs", both, again)
	}
	if err := os.Remove(plain + fastSuffix); err != nil {
		t.Fatal(err)
	}
	if again := built("alone again"); again != alone {
		t.Errorf("digests %s, %s without the second", alone, again)
	}
	if err := os.Mkdir(plain+fastSuffix, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := BuildImage(dir); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("a folder for a second program: %v", err)
	}
}

func TestBuildImageKeepsWhatIsNotAnImage(t *testing.T) {
	t.Setenv(BinaryEnv, program(t, "a program"))
	dir := t.TempDir()
	mine := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := BuildImage(dir); !errors.Is(err, ErrNotAnImage) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}
