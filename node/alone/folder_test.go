package alone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"infernet.tech/infernet/node/alone"
)

func nothing(context.Context, string) error { return nil }

func TestTake(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, release, err := alone.Take(t.Context(), "try", nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := alone.Take(t.Context(), "try", nothing); !errors.Is(err, alone.ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	other, releaseOther, err := alone.Take(t.Context(), "other", nothing)
	if err != nil || other == dir {
		t.Errorf("another name: %q, %v", other, err)
	}
	if err := releaseOther(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(alone.Folder("try")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// What a killed run left is swept before its files go; files under something
// that cannot be swept stay.
func TestTakeAfterKill(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	left := filepath.Join(alone.Folder("try"), "run", "left")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	stuck := errors.New("stuck")
	if _, _, err := alone.Take(t.Context(), "try", func(context.Context, string) error { return stuck }); !errors.Is(err, stuck) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("files of what could not be swept: %v", err)
	}
	swept := 0
	_, release, err := alone.Take(t.Context(), "try", func(_ context.Context, dir string) error {
		if _, err := os.Stat(filepath.Join(dir, "left")); err == nil {
			swept++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) || swept != 1 {
		t.Errorf("swept %d times, then %v", swept, err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestTakeUnsafe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders have owners elsewhere")
	}
	t.Setenv("TMPDIR", t.TempDir())
	if err := os.Symlink(t.TempDir(), alone.Folder("link")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(alone.Folder("open"), 0o777), os.Chmod(alone.Folder("open"), 0o777)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "open"} {
		if _, _, err := alone.Take(t.Context(), name, nothing); !errors.Is(err, alone.ErrUnsafeDir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
