package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this very program as "infernet".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"infernet": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("INFERNET_HOME", e.WorkDir+"/home")
			// Scripts tell when a node would be started; none is.
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"api": cmdAPI, "gone": cmdGone, "exits": cmdExits, "wrongtoken": cmdWrongToken},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
