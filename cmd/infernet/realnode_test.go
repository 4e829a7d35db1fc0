package main

import (
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
)

// TestRealNodes runs scripts against whole nodes on loopback, whose homes are
// $GIVER and $TAKER; the taker keeps at most 32 MiB. Each script gets nodes of
// its own.
func TestRealNodes(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/node/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			t.Parallel()
			runOnNodes(t, script)
		})
	}
}

func runOnNodes(t *testing.T, script string) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c := nodetest.New(t)
	mirror := func(m *nodetest.Member) { m.Config.Content.Mirror = "127.0.0.1:0" }
	giver := c.Add("giver", node.RoleClient, mirror)
	taker := c.Add("taker", node.RoleClient, mirror, func(m *nodetest.Member) { m.Config.Content.Quota = 32 << 20 })
	testscript.Run(t, testscript.Params{
		Files: []string{script},
		Setup: func(e *testscript.Env) error {
			e.Setenv("GIVER", giver.Config.Home)
			e.Setenv("TAKER", taker.Config.Home)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("DEMO_MODEL", filepath.Join(here, "../../exec/engine/model/infernet-demo.gguf"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": cmdExits, "keep": cmdKeep, "make": cmdMake, "layout": cmdLayout, "samples": cmdSamples},
	})
}

// cmdKeep puts what a pattern finds in the last output into a variable: keep NAME PATTERN
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("nothing like %s", args[1])
	}
	ts.Setenv(args[0], found)
}

// cmdMake makes a file of so many MiB of bytes that follow from its name: make FILE MIB
func cmdMake(ts *testscript.TestScript, _ bool, args []string) {
	var size int
	for _, r := range args[1] {
		size = size*10 + int(r-'0')
	}
	data := make([]byte, size<<20)
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(args[0]))
	x := seed.Sum64() | 1
	for i := range data {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		data[i] = byte(x)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// cmdLayout makes an OCI layout with one file: layout DIR NAME
func cmdLayout(ts *testscript.TestScript, _ bool, args []string) {
	digest, err := image.WriteLayout(ts.MkAbs(args[0]), image.Spec{
		Files: map[string]image.File{"app": {Data: []byte("of " + args[1])}}, Entrypoint: []string{"/app"}, Name: args[1],
	})
	ts.Check(err)
	ts.Setenv("DIGEST", digest)
}
