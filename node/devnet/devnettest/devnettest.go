//go:build linux

// Package devnettest starts networks of real nodes for tests and takes them
// down again. It refuses nothing that it can skip: without root, or where the
// programs are not built, a test is skipped and says why.
package devnettest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
)

// closeTime is how long nodes may take to end: on a busy machine everything takes
// as long as it takes.
const closeTime = 3 * time.Minute

// Program returns the path of the program that make builds, found from the
// folder of a test two levels below the module's root.
func Program(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root; run the tests as root to have this one")
	}
	bin, err := filepath.Abs("../../bin/infernet")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bin, filepath.Join(filepath.Dir(bin), "engine/infernet-llm"), filepath.Join(filepath.Dir(bin), "runtime/runc")} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("not built (make build): %v", err)
		}
	}
	return bin
}

// Up starts a network in a folder of its own, unless cfg names one, and ends it
// with the test. The client has found all providers when it returns.
func Up(t testing.TB, cfg devnet.Config) *devnet.Network {
	t.Helper()
	if cfg.Bin == "" {
		cfg.Bin = Program(t)
	}
	if cfg.Dir == "" {
		cfg.Dir = Dir(t)
	}
	net, err := devnet.Up(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if err := net.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := net.AwaitProviders(t.Context(), cfg.Providers+cfg.Cheaters); err != nil {
		t.Fatal(err)
	}
	return net
}

// Client returns a client of a node's local API.
func Client(t testing.TB, net *devnet.Network, name string) *api.Client {
	t.Helper()
	node, ok := net.Node(name)
	if !ok {
		t.Fatalf("there is no node %s", name)
	}
	c, err := node.Client()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
