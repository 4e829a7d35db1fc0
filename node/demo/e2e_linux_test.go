package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
)

// TestE2EDemo runs a small demo with real nodes, containers and engine.
func TestE2EDemo(t *testing.T) {
	bin := devnettest.Program(t)
	t.Setenv(engine.BinaryEnv, filepath.Join(filepath.Dir(bin), "engine/infernet-llm"))
	var told bytes.Buffer
	cfg := Config{Dir: filepath.Join(devnettest.Dir(t), "d"), Bin: bin, Providers: 3, Cheaters: 1, Prompts: 48, ShardSize: 6, Out: &told}
	sum, _, err := Run(t.Context(), cfg)
	if err != nil || !sum.OK {
		t.Fatalf("%v: %q\n%s", err, sum.Problems, &told)
	}
	if words := said(told.String()); len(words) != 2 || words[0] != strings.ReplaceAll(sum.Story.Answer, "\n", "") || words[1] != chatAnswer {
		t.Errorf("the words did not come as they were made:\n%s", &told)
	}
	if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder stays behind")
	}
}

// said are the lines of words among what a demo tells.
func said(told string) (words []string) {
	for line := range strings.Lines(told) {
		if _, text, ok := strings.Cut(line, "s  > "); ok {
			words = append(words, strings.TrimSuffix(text, "\n"))
		}
	}
	return words
}

// TestE2EKilledProvider kills a provider in the middle of a job. It does not
// come back, and the job is done without it.
func TestE2EKilledProvider(t *testing.T) {
	dir := devnettest.Dir(t)
	net := devnettest.Up(t, devnet.Config{Dir: dir, Providers: 3})
	client := devnettest.Client(t, net, "client")
	qs := questions(48)
	if err := writeQuestions(filepath.Join(dir, "prompts.jsonl"), qs); err != nil {
		t.Fatal(err)
	}
	j, err := client.Submit(t.Context(), api.SubmitRequest{Spec: jobSpec(6), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	victim, _ := net.Node("provider2")
	killed := false
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	j, err = client.Wait(ctx, j.ID, api.EventQuery{}, func(ev api.Event) error {
		if killed || ev.Shards == nil || ev.Shards.OK == 0 {
			return nil
		}
		killed = true
		return syscall.Kill(victim.PID, syscall.SIGKILL)
	})
	if err != nil || j.State != api.JobDone || !killed {
		t.Fatalf("%v: job is %s: %s; killed: %v", err, j.State, j.Reason, killed)
	}
	right, faults, err := check(j.Result.Path, qs)
	if err != nil || right != len(qs) {
		t.Errorf("%d of %d right: %q, %v", right, len(qs), faults, err)
	}
}
