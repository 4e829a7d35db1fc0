package gpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Bounds of a driver's tool. nvidia-smi takes seconds where the driver has to
// wake eight cards first.
const (
	commandTime   = 15 * time.Second
	commandOutput = 1 << 20
)

// toolDirs are looked in before PATH: distributions, then images of clouds
// (Google, NVIDIA's own), NixOS, WSL.
var toolDirs = [...]string{
	"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/nvidia/bin",
	"/opt/nvidia/bin", "/run/current-system/sw/bin", "/usr/lib/wsl/lib",
}

// run runs a tool within the bounds.
func (h Host) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	var raw []byte
	var err error
	switch {
	case h.Command != nil:
		raw, err = h.Command(ctx, name, args...)
	case h.Root != "":
		return nil, fmt.Errorf("%w: %s", ErrNoCommand, name)
	default:
		raw, err = runTool(ctx, name, args...)
	}
	if len(raw) > commandOutput {
		return nil, fmt.Errorf("%w: %s printed more than %d bytes", ErrTooMuch, name, commandOutput)
	}
	return raw, err
}

// findTool returns the path of a driver's tool.
func findTool(name string) (string, error) {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	dirs := toolDirs[:]
	if root := os.Getenv("SystemRoot"); runtime.GOOS == "windows" && root != "" {
		dirs = []string{filepath.Join(root, "System32")}
	}
	for _, dir := range append(dirs[:len(dirs):len(dirs)], filepath.SplitList(os.Getenv("PATH"))...) {
		if !filepath.IsAbs(dir) {
			continue // never from the folder one happens to be in
		}
		at := filepath.Join(dir, name)
		info, err := os.Stat(at)
		if err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows") {
			return at, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNoCommand, name)
}

// runTool starts a tool and waits for it. A tool that hangs in the kernel,
// as happens when a card is lost, cannot be killed: it is left behind, with
// the one goroutine that waits for it.
func runTool(ctx context.Context, name string, args ...string) ([]byte, error) {
	at, err := findTool(name)
	if err != nil {
		return nil, err
	}
	out := &limited{left: commandOutput + 1}
	cmd := exec.CommandContext(ctx, at, args...)
	cmd.Env = toolEnv(at)
	cmd.Dir = filepath.Dir(at)
	cmd.Stdout = out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		patience := time.NewTimer(2 * cmd.WaitDelay)
		defer patience.Stop()
		select {
		case <-ended:
		case <-patience.C:
		}
		return nil, fmt.Errorf("%s gave no answer: %w", name, context.Cause(ctx))
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return out.buf.Bytes(), err
}

// toolEnv is what a tool is started with: nothing of ours but a system's own
// variables. Drivers below a folder of their own keep their libraries there.
func toolEnv(at string) []string {
	env := []string{"LC_ALL=C", "HOME=/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if root := os.Getenv("SystemRoot"); runtime.GOOS == "windows" {
		env = append(env, "SystemRoot="+root)
	}
	prefix, ok := strings.CutSuffix(filepath.Dir(at), "/bin")
	if ok && prefix != "" && prefix != "/usr" && prefix != "/usr/local" {
		env = append(env, "LD_LIBRARY_PATH="+prefix+"/lib64:"+prefix+"/lib")
	}
	return env
}

// limited keeps the first bytes of an output, and ends a tool that prints
// more.
type limited struct {
	buf  bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		l.buf.Write(p[:l.left])
		l.left = 0
		return 0, ErrTooMuch
	}
	l.left -= len(p)
	return l.buf.Write(p)
}
