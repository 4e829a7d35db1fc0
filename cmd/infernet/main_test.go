package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this very program as "infernet".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"infernet": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("INFERNET_HOME", e.WorkDir+"/home")
			// Scripts tell when a node would be started; none is.
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("DEMO_MODEL", filepath.Join(here, "../../exec/engine/model/infernet-demo.gguf"))
			// What begins like this is a pickle; a script cannot hold it.
			return os.WriteFile(filepath.Join(e.WorkDir, "weights.bin"), []byte("\x80\x04}\x94."), 0o600)
		},
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"api": cmdAPI, "gone": cmdGone, "exits": cmdExits, "wrongtoken": cmdWrongToken, "samples": cmdSamples, "replays": cmdReplays},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
