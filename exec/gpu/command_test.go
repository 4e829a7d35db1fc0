//go:build unix

package gpu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tool puts a script of that name on PATH.
func tool(t *testing.T, name, script string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bin")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestToolEnv(t *testing.T) {
	tool(t, "gpu-test-tool", `echo "$1|$SECRET|$LC_ALL|$PATH|$LD_LIBRARY_PATH"; exit 3`)
	t.Setenv("SECRET", "token")
	raw, err := Host{}.run(t.Context(), "gpu-test-tool", "a b")
	prefix := strings.TrimSuffix(os.Getenv("PATH"), "/bin")
	want := "a b||C|/usr/sbin:/usr/bin:/sbin:/bin|" + prefix + "/lib64:" + prefix + "/lib\n"
	if string(raw) != want || err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%q, %v", raw, err)
	}
	if _, err := (Host{}).run(t.Context(), "gpu-no-such-tool"); !errors.Is(err, ErrNoCommand) {
		t.Errorf("missing: %v", err)
	}
	if _, err := (Host{Root: t.TempDir()}).run(t.Context(), "gpu-test-tool"); !errors.Is(err, ErrNoCommand) {
		t.Errorf("a tree without commands ran one of this machine: %v", err)
	}
	t.Setenv("PATH", ".:bin")
	if _, err := (Host{}).run(t.Context(), "gpu-test-tool"); !errors.Is(err, ErrNoCommand) {
		t.Errorf("from a relative PATH: %v", err)
	}
}

func TestToolFloods(t *testing.T) {
	tool(t, "gpu-test-tool", `while :; do echo 0123456789012345678901234567890123456789; done`)
	raw, err := Host{}.run(t.Context(), "gpu-test-tool")
	if !errors.Is(err, ErrTooMuch) || raw != nil {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

func TestToolHangs(t *testing.T) {
	// The child keeps the pipe open after its parent is killed.
	tool(t, "gpu-test-tool", "echo begun; exec 2>&1; /bin/sleep 120 & wait")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := (Host{}).run(ctx, "gpu-test-tool"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("a tool that hangs held us for %v", took)
	}
}
