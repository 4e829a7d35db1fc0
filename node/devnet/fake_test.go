package devnet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
)

// fakeEnv makes this test's program act as the infernet program.
const fakeEnv = "DEVNET_TEST_FAKE"

func TestMain(m *testing.M) {
	if os.Getenv(fakeEnv) == "" || len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	var err error
	switch home := os.Getenv("INFERNET_HOME"); os.Args[1] {
	case "init":
		err = fakeInit(home)
	case "node":
		err = fakeNode(home, os.Args)
	case "parent":
		err = fakeParent(os.Args[2], os.Args[3] == "detach")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func fakeInit(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "key"), []byte(filepath.Base(home)), 0o600)
}

// fakeNode answers for its status until it is told to end.
func fakeNode(home string, args []string) error {
	if slices.Contains(args, "--die") {
		return fmt.Errorf("the sky is falling")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	WatchLifeline(cancel)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	name := filepath.Base(home)
	status := api.Status{NPub: "npub-" + name, Ready: true, Addrs: []string{"/at/" + name}, Home: home, Network: fmt.Sprint(args)}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(status) }))
	}()
	raw, err := json.Marshal(api.File{Addr: l.Addr().String(), Token: "t", PID: os.Getpid()})
	if err != nil {
		return err
	}
	// In one step: a reader must not find half of it.
	file := filepath.Join(home, api.FileName)
	if err := os.WriteFile(file+".new", raw, 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	<-ctx.Done()
	if slices.Contains(args, "--stubborn") {
		select {}
	}
	return nil
}

// fakeParent starts a network and says so, then stays until it is killed, or
// goes when the network can do without it.
func fakeParent(dir string, detach bool) error {
	n, err := Up(context.Background(), fake(dir, func(c *Config) { c.Detach = detach }))
	if err != nil {
		return err
	}
	fmt.Println("up", len(n.Nodes))
	if !detach {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	return nil
}

// fake is a small network of such programs.
func fake(dir string, change ...func(*Config)) Config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := Config{Dir: dir, Providers: 2, Cheaters: 1, Bin: self, Env: []string{fakeEnv + "=1"}, Timeout: 3 * time.Minute}
	for _, f := range change {
		f(&c)
	}
	return c
}
