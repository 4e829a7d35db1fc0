package container_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/node/compare"
)

// FuzzCompare puts files of any name before a program that says anything. It
// runs on nothing but what is under its folder, what it prints moves no cursor,
// nothing is left behind, and a result that cannot be put there is an answer and
// no fault of this machine.
func FuzzCompare(f *testing.F) {
	f.Add("x", []byte("a"), "x", []byte("b"), []byte("they differ\x1b[31m\n"), byte(1))
	f.Add("a/b", []byte("a"), "a", []byte("b"), []byte("\xff\xfe"), byte(0))
	f.Add("x\x00y", []byte("a"), "..", []byte("b"), []byte("\n\n"), byte(2))
	f.Add(strings.Repeat("n", 300), []byte("a"), "x", []byte("b"), []byte(strings.Repeat("\u2028", 200)), byte(0))
	f.Fuzz(func(t *testing.T, nameA string, a []byte, nameB string, b, said []byte, code byte) {
		r := &exectest.Runner{Program: func(_ context.Context, task exec.Task, s exec.Streams) exec.Result {
			for _, side := range []string{"a", "b"} {
				if _, err := os.ReadDir(filepath.Join(task.In, side)); err != nil {
					t.Errorf("%s: %v", side, err)
				}
			}
			_, _ = s.Stdout.Write(said)
			if code == 0 {
				return exec.Result{Reason: exec.ReasonOK}
			}
			return exec.Result{Reason: exec.ReasonExit, ExitCode: int(code)}
		}}
		c := made(t, r, 1<<10)
		o, err := c.Compare(t.Context(), named(nameA, a), named(nameB, b))
		if err != nil {
			t.Fatalf("%q, %q: %v", nameA, nameB, err)
		}
		if !(o.Score >= 0 && o.Score <= 1) || len(o.Why) > 600 || strings.ContainsFunc(o.Why, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%+v", o)
		}
		// A program that says yes to everything says it to an empty folder too.
		if same := nameA == nameB && string(a) == string(b); o.Answer == compare.Match && !same && len(r.Started()) > 0 {
			t.Errorf("believed: %+v", o)
		}
	})
}

// named is a result of one file whose name is a provider's choice.
func named(name string, raw []byte) fs.FS { return fstest.MapFS{name: {Data: raw}} }
