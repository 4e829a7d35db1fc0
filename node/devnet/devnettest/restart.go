//go:build linux

package devnettest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
)

const (
	answerTime = 5 * time.Second // of a node that is asked whether it is ready
	awaitTime  = 5 * time.Minute // that a condition is waited for
	logTail    = 4 << 10
)

// Kill ends a node with SIGKILL and returns how to start it again as it was,
// which waits until it is ready. It ends with the test.
func Kill(t testing.TB, net *devnet.Network, name string) (restart func()) {
	t.Helper()
	node, _ := net.Node(name)
	pid := Client(t, net, name).PID() // not node.PID: it may have been restarted before
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, a := range bytes.Split(bytes.TrimRight(raw, "\x00"), []byte{0}) {
		args = append(args, string(a))
	}
	return func() {
		t.Helper()
		ended := start(t, node, args)
		Await(t, name+" is back", func() bool {
			select {
			case err := <-ended:
				t.Fatalf("%s ended: %v%s", name, err, lastWords(node))
			default:
			}
			f, err := api.ReadFile(node.Home)
			if err != nil || f.PID == pid { // what the dead one left
				return false
			}
			c, err := node.Client()
			if err != nil {
				return false
			}
			ctx, cancel := context.WithTimeout(t.Context(), answerTime)
			defer cancel()
			s, err := c.Status(ctx)
			return err == nil && s.Ready
		})
	}
}

// start runs a node with the command line that it had, at once: the dead process
// may hold the database's lock for a moment. What it ended with comes from ended,
// once.
func start(t testing.TB, node devnet.Node, args []string) (ended <-chan error) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "INFERNET_HOME="+node.Home, "INFERNET_LIFELINE=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	log, err := os.OpenFile(logOf(node), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	started, end, gone := make(chan error), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		// The kernel ends the child with the thread that started it, so the thread
		// stays for as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			end <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-gone
	})
	return end
}

func logOf(node devnet.Node) string { return filepath.Join(node.Home, "node.log") }

// lastWords are the end of a node's log.
func lastWords(node devnet.Node) string {
	raw, err := os.ReadFile(logOf(node))
	if err != nil {
		return ": " + err.Error()
	}
	return ":\n" + string(raw[max(0, len(raw)-logTail):])
}

// Await polls a condition for some minutes.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(awaitTime)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %s: %s", awaitTime, what)
		}
	}
}
