package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
)

// TestRealJob runs scripts against whole nodes on loopback that work for each
// other, one of them wrongly: the client's home is $CLIENT, the cheater's npub
// $CHEATER, and $WORK has a job of 40 lines to be made upper case.
func TestRealJob(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/job/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			t.Parallel()
			c := nodetest.New(t)
			for i := range 3 {
				c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider)
			}
			liar := c.Add("cheater", node.RoleProvider, func(m *nodetest.Member) { m.Config.Provider.Cheat = "wrong" })
			client := c.Add("client", node.RoleClient)
			dir, name := nodetest.Lines(t, 40)
			lines, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			image := nodetest.Image(t)
			testscript.Run(t, testscript.Params{
				Files: []string{script},
				Setup: func(e *testscript.Env) error {
					e.Setenv("INFERNET_HOME", client.Config.Home)
					e.Setenv("CHEATER", liar.NPub())
					e.Setenv("CLIENT", client.NPub())
					e.Setenv("HOME", e.WorkDir)
					for _, mode := range []string{"{mode: quorum, replicas: 2, agree: 2}", "{mode: adaptive}"} {
						text := fmt.Sprintf("name: upper\nkind: batch\ntask: {image: %s}\ninputs: [{path: lines}]\nsplit: {by: lines, size: 10}\n"+
							"resources: {cpu: 1, memory: 64MiB}\nverify: %s\npayment: {max: 1000}\ntimeouts: {shard: 2m, job: 10m}\n", image, mode)
						file := map[bool]string{true: "quorum.yaml", false: "adaptive.yaml"}[mode[7] == 'q']
						if err := os.WriteFile(filepath.Join(e.WorkDir, file), []byte(text), 0o600); err != nil {
							return err
						}
					}
					return os.WriteFile(filepath.Join(e.WorkDir, "lines"), lines, 0o600)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": cmdExits, "keep": cmdKeep},
			})
		})
	}
}
