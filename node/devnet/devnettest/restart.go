//go:build linux

package devnettest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
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
		start(t, node, args)
		Await(t, name+" is back", func() bool {
			f, err := api.ReadFile(node.Home)
			if err != nil || f.PID == pid { // what the dead one left
				return false
			}
			c, err := node.Client()
			if err != nil {
				return false
			}
			s, err := c.Status(t.Context())
			return err == nil && s.Ready
		})
	}
}

// start runs a node with the command line that it had. The dead process is a
// child of this one and holds the database's lock until it is gone.
func start(t testing.TB, node devnet.Node, args []string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "INFERNET_HOME="+node.Home, "INFERNET_LIFELINE=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	log, err := os.OpenFile(filepath.Join(node.Home, "node.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// Await polls a condition for a minute.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
