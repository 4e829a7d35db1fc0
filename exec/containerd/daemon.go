//go:build linux

package containerd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// daemon supervises a private containerd.
type daemon struct {
	cfg Config
	log *slog.Logger
}

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	goodRun      = 30 * time.Second // a run of this length forgets earlier failures
	maxStarts    = 5                // short runs in a row before it is given up
	stopPatience = 5 * time.Second
	maxDaemonLog = 8 << 20
)

// disabledPlugins are all that running a task does not need: images are not
// kept in the daemon, and no other program talks to it. One snapshotter stays,
// unused, because the daemon's database does not open without.
var disabledPlugins = []string{
	"io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri",
	"io.containerd.snapshotter.v1.overlayfs", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs",
	"io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
	"io.containerd.differ.v1.erofs", "io.containerd.mount-handler.v1.erofs",
	"io.containerd.image-verifier.v1.bindir", "io.containerd.transfer.v1.local", "io.containerd.grpc.v1.transfer",
	"io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri",
	"io.containerd.monitor.container.v1.restart", "io.containerd.internal.v1.restart",
	"io.containerd.monitor.task.v1.cgroups", "io.containerd.metrics.v1.grpc-prometheus",
	"io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
}

var configTemplate = template.Must(template.New("").Parse(`# Written at every start of the node; changes are lost.
version = 3
root = {{printf "%q" .Root}}
state = {{printf "%q" .State}}
disabled_plugins = [{{range .Disabled}}{{printf "%q" .}}, {{end}}]
required_plugins = ["io.containerd.grpc.v1.containers", "io.containerd.grpc.v1.tasks"]

[grpc]
  address = {{printf "%q" .Socket}}

[plugins."io.containerd.metadata.v1.bolt"]
  # The database is thrown away at every start: nothing in it needs to
  # outlive the machine.
  no_sync = true

[plugins."io.containerd.shim.v1.manager"]
  socket_dir = {{printf "%q" .ShimSockets}}
`))

func (d *daemon) configPath() string { return filepath.Join(d.cfg.State, "containerd.toml") }

func (d *daemon) writeConfig() error {
	if err := d.cfg.makeState(); err != nil {
		return err
	}
	var b bytes.Buffer
	err := configTemplate.Execute(&b, map[string]any{
		"Root": d.cfg.daemonRoot(), "State": d.cfg.daemonState(), "Socket": d.cfg.socket(),
		"ShimSockets": d.cfg.shimSockets(), "Disabled": disabledPlugins,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(d.configPath(), b.Bytes(), 0o600)
}

// run starts the daemon, starts it again when it dies, and stops it when ctx
// ends. It fails when the daemon dies again and again.
func (d *daemon) run(ctx context.Context) error {
	if err := d.writeConfig(); err != nil {
		return err
	}
	// The kernel kills the daemon when the thread that started it ends, and so
	// this thread must last as long as the daemon.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	backoff, starts := firstBackoff, 0
	for {
		began := time.Now()
		err := d.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > goodRun {
			backoff, starts = firstBackoff, 0
		}
		if starts++; starts >= maxStarts {
			return fmt.Errorf("exec/containerd: containerd died %d times: %w: %s", starts, err, d.lastWords())
		}
		d.log.Warn("containerd died, starting it again", "err", err, "after", time.Since(began), "in", backoff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// once runs one process to its end.
func (d *daemon) once(ctx context.Context) error {
	logFile, err := d.openLog()
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd := osexec.Command(filepath.Join(d.cfg.BinDir, "containerd"), "--config", d.configPath(), "--log-level", "warn")
	cmd.Dir = d.cfg.State
	cmd.Env = []string{"PATH=" + d.cfg.BinDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = logFile, logFile
	// A group of its own: an interrupt typed at the node is not for the daemon.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return orExit(err)
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err = <-done:
	case <-time.After(stopPatience):
		_ = cmd.Process.Kill()
		err = <-done
	}
	return orExit(err)
}

// orExit names a death that was no error to the process itself.
func orExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func (d *daemon) logPath() string { return filepath.Join(d.cfg.Root, "containerd.log") }

// openLog keeps one older log, so that it never grows without end.
func (d *daemon) openLog() (*os.File, error) {
	if info, err := os.Stat(d.logPath()); err == nil && info.Size() > maxDaemonLog {
		if err := os.Rename(d.logPath(), d.logPath()+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(d.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// lastWords are the end of the daemon's log, for an error message.
func (d *daemon) lastWords() string {
	f, err := os.Open(d.logPath())
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 400 {
		_, _ = f.Seek(-400, io.SeekEnd)
	}
	raw, _ := io.ReadAll(io.LimitReader(f, 400))
	return strings.TrimSpace(string(raw))
}
