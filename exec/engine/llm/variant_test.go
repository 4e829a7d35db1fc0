package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"infernet.tech/infernet/exec/psabi"
)

// programs are the two that make built, the plain one first.
func programs(t *testing.T) (plain, fast string) {
	t.Helper()
	plain = os.Getenv("INFERNET_ENGINE")
	if plain == "" {
		t.Skip("INFERNET_ENGINE names no built program: run make test-engine to have this test")
	}
	fast = plain + fastSuffix
	if _, err := os.Stat(fast); err != nil || psabi.Level() < fastLevel {
		t.Skipf("this machine has one program, not two (level %d, %v)", psabi.Level(), err)
	}
	return plain, fast
}

// startProgram serves the demonstration model by a built program, and checks
// that the process it began as is then the program it should become.
func startProgram(t *testing.T, bin, becomes string, env ...string) *client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	cmd := exec.Command(bin, "-model", demoModel, "-context", "512", "-serve", unixAddress+socket)
	cmd.Env = append(env, "HOME=/tmp", "INFERNET_MODEL_NAME=demo")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil || strings.Contains(said.String(), "slower") {
			t.Errorf("it ended with %v and said %.2000s", err, said.String())
		}
	})
	cl := connect(t, socket, ended)
	got, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
	if err != nil || got != becomes {
		t.Errorf("%s became %s, want %s (%v)", bin, got, becomes, err)
	}
	return cl
}

// TestProgramsAgree holds the program for x86-64-v3 to the plain one's answers,
// and its logprobs to what another order of additions explains.
func TestProgramsAgree(t *testing.T) {
	plain, fast := programs(t)
	slow := startProgram(t, plain, plain, plainEnv+"=1")
	quick := startProgram(t, plain, fast)
	const near = 0.01
	worst := 0.0
	for _, q := range questions(20) {
		want, got := slow.answered(t, user(q)), quick.answered(t, user(q))
		if got.Text != want.Text || got.Finish != want.Finish || len(got.Logprobs.Content) != len(want.Logprobs.Content) {
			t.Errorf("%.40q: got %q, the plain program says %q", q, got.Text, want.Text)
			continue
		}
		for i, l := range got.Logprobs.Content {
			worst = max(worst, math.Abs(l.Logprob-want.Logprobs.Content[i].Logprob))
		}
	}
	if worst > near {
		t.Errorf("logprobs differ by %v", worst)
	}
	t.Logf("logprobs differ by %v at most", worst)
}

// TestBatchBecomesFast runs a batch by the plain program's name: it ends as
// the other's does, with its exit codes.
func TestBatchBecomesFast(t *testing.T) {
	plain, fast := programs(t)
	in := demoInput(t)
	var results [][]byte
	for _, bin := range []string{plain, fast} {
		out := t.TempDir()
		if said, err := exec.CommandContext(t.Context(), bin, "-in", in, "-model", demoModel, "-out", out).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", bin, err, said)
		}
		raw, err := os.ReadFile(filepath.Join(out, "output.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, raw)
	}
	if !bytes.Equal(results[0], results[1]) || !bytes.Contains(results[0], []byte("1 + 1 = 2.")) {
		t.Errorf("%s\n%s", results[0], results[1])
	}
	bad := exec.CommandContext(t.Context(), plain, "extra")
	if said, _ := bad.CombinedOutput(); bad.ProcessState.ExitCode() != 2 || !bytes.Contains(said, []byte("not expected")) {
		t.Errorf("exit code %d: %s", bad.ProcessState.ExitCode(), said)
	}
}

// TestWithoutTheOther calls a copy that is alone.
func TestWithoutTheOther(t *testing.T) {
	plain, _ := programs(t)
	raw, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "llm")
	if err := os.WriteFile(alone, raw, 0o755); err != nil {
		t.Fatal(err)
	}
	startProgram(t, alone, alone)
	// What cannot be run is told, and not fatal.
	if err := os.WriteFile(alone+fastSuffix, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), alone, "-h").CombinedOutput()
	if err != nil || !bytes.Contains(said, []byte("slower than it could be")) || !bytes.Contains(said, []byte("-serve")) {
		t.Errorf("%v: %s", err, said)
	}
}
