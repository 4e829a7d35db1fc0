package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSamples makes inputs with three honest results each, whose numbers differ
// by that share at most: samples DIR INPUTS SPREAD
func cmdSamples(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: samples DIR INPUTS SPREAD")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	spread, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		at := filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("input%03d", i))
		ts.Check(os.MkdirAll(at, 0o700))
		for _, machine := range []string{"amd", "intel", "zz"} {
			var numbers []string
			for k := range 50 {
				v := float64(k+1) * (1 + spread*(r.Float64()-0.5))
				numbers = append(numbers, strconv.FormatFloat(v, 'g', -1, 64))
			}
			text := `{"logits":[` + strings.Join(numbers, ",") + `]}`
			ts.Check(os.WriteFile(filepath.Join(at, machine+".json"), []byte(text), 0o600))
		}
	}
}

// cmdReplays makes a file of replayed answers, all as greedy as they claim:
// replays FILE ANSWERS
func cmdReplays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: replays FILE ANSWERS")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	line := `{"temperature":0,"tokens":[` + strings.TrimSuffix(strings.Repeat(`{"id":5,"logprob":-0.1,"rank":0,"top":{"id":5,"logprob":-0.1}},`, 120), ",") + "]}\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(line, n)), 0o600))
}

// A lone file is a folder of one file whose name says nothing of its machine.
func TestLoneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"one.json", "two.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := result(dir, entries[1])
	if raw, err := fs.ReadFile(f, "result.json"); err != nil || string(raw) != "two.json" {
		t.Errorf("%q %v", raw, err)
	}
	for _, hidden := range []string{"one.json", "two.json", "../one.json"} {
		if _, err := f.Open(hidden); err == nil {
			t.Errorf("%s is there", hidden)
		}
	}
	if err := fstest.TestFS(f, "result.json"); err != nil {
		t.Error(err)
	}
}
