package infer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// ran is the result of the batch engine on an input, with a model.
func ran(t *testing.T, input, path string, args ...string) fstest.MapFS {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.jsonl"), []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t), append([]string{"-in", dir, "-out", dir + "/out", "-model", path}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(dir + "/out/output.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"output.jsonl": {Data: raw}}
}

// edited is a result with each line changed.
func edited(t *testing.T, result fstest.MapFS, change func(i int, line map[string]any)) fstest.MapFS {
	t.Helper()
	var out bytes.Buffer
	for i, line := range strings.Split(strings.TrimSpace(string(result["output.jsonl"].Data)), "\n") {
		m := map[string]any{}
		dec := json.NewDecoder(strings.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if change(i, m); len(m) == 0 {
			continue
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(raw, '\n'))
	}
	return fstest.MapFS{"output.jsonl": {Data: out.Bytes()}}
}

func TestReplayOfJobs(t *testing.T) {
	engine := serve(t, model(t, nil))
	var input strings.Builder
	for i := range 40 {
		fmt.Fprintf(&input, "{\"id\":%d,\"prompt\":%q,\"max_tokens\":64}\n", i, questions(i))
	}
	fmt.Fprintf(&input, "{\"id\":\"long\",\"prompt\":%q}\n", strings.Repeat("word ", 600))
	good := ran(t, input.String(), model(t, nil), "-token-ids")
	half := ran(t, input.String(), model(t, gguftest.Quantise(3)), "-token-ids")
	auditors := []identity.PubKey{{1}, {2}, {3}}
	asked := map[identity.PubKey]int{}
	replays := JobReplays{
		Input: func(context.Context, string) (fs.FS, error) {
			return fstest.MapFS{"input": {Data: []byte(input.String())}}, nil
		},
		Replay: func(_ context.Context, model string, req openai.ReplayRequest, not []identity.PubKey) (out openai.ReplayResponse, by identity.PubKey, err error) {
			for _, a := range auditors {
				if !contains(not, a) {
					by = a
					break
				}
			}
			if by.IsZero() {
				return out, by, noProvider(model, "nobody is left")
			}
			asked[by]++
			raw, err := json.Marshal(req)
			if err == nil {
				err = engine.post(pathReplay, raw, &out)
			}
			if err != nil && strings.Contains(err.Error(), "400") {
				err = openai.ContextLength(512, 600)
			}
			return out, by, err
		},
	}
	of := job.Job{Model: job.Model{CID: "bafy"}, Spec: job.Spec{Task: job.Task{Args: []string{"--token-ids"}}}}
	refuse := func(_ int, m map[string]any) {
		id := m["id"]
		clear(m)
		m["id"], m["error"] = id, "prompt too long"
	}
	for name, tc := range map[string]struct {
		result fs.FS
		answer string
		alone  bool
		args   []string
	}{
		"honest":            {result: good, answer: "match"},
		"three bits":        {result: half, answer: "mismatch"},
		"three bits, alone": {result: half, answer: "inconclusive", alone: true},
		"no tokens":         {result: edited(t, good, func(_ int, m map[string]any) { delete(m, "token_ids") }), answer: "inconclusive"},
		"a line less": {result: edited(t, good, func(i int, m map[string]any) {
			if i == 3 {
				clear(m)
			}
		}), answer: "mismatch"},
		"refused": {result: edited(t, good, refuse), answer: "mismatch"},
		"another text": {result: edited(t, good, func(_ int, m map[string]any) {
			if m["answer"] != nil {
				m["answer"] = "Yes."
			}
		}), answer: "mismatch"},
		"nothing":            {result: fstest.MapFS{}, answer: "mismatch"},
		"another's template": {result: good, answer: "inconclusive", args: []string{"-template", "chatml"}},
	} {
		auditors = []identity.PubKey{{1}, {2}, {3}}
		if tc.alone {
			auditors = auditors[:1]
		}
		of.Spec.Task.Args = append([]string{"-max-tokens=64", "--token-ids"}, tc.args...)
		clear(asked)
		answer, why, score, err := replays.ReplayJob(t.Context(), of, job.Shard{}, tc.result, nil)
		if err != nil || answer != tc.answer || answer == "match" && score != 1 {
			t.Errorf("%s: %s, %q, score %.3f, %v", name, answer, why, score, err)
		}
		t.Logf("%s: %s (%s), score %.3f, %d replays", name, answer, why, score, asked[identity.PubKey{1}]+asked[identity.PubKey{2}])
	}
}

// One letter in one line of a shard is found, wherever it is: what was enough to
// tell the model is not enough to call each line right.
func TestReplayReadsAllLines(t *testing.T) {
	engine := serve(t, model(t, nil))
	var input strings.Builder
	for i := range leastLines {
		fmt.Fprintf(&input, "{\"id\":%d,\"prompt\":%q,\"max_tokens\":64}\n", i, questions(i))
	}
	good := ran(t, input.String(), model(t, nil), "-token-ids")
	replays := JobReplays{
		Input: func(context.Context, string) (fs.FS, error) {
			return fstest.MapFS{"input": {Data: []byte(input.String())}}, nil
		},
		Replay: func(_ context.Context, _ string, req openai.ReplayRequest, not []identity.PubKey) (out openai.ReplayResponse, by identity.PubKey, err error) {
			raw, err := json.Marshal(req)
			if err == nil {
				err = engine.post(pathReplay, raw, &out)
			}
			return out, identity.PubKey{byte(1 + len(not))}, err
		},
	}
	of := job.Job{Model: job.Model{CID: "bafy"}, Spec: job.Spec{Task: job.Task{Args: []string{"--token-ids", "--max-tokens=64"}}}}
	if answer, why, _, err := replays.ReplayJob(t.Context(), of, job.Shard{}, good, nil); err != nil || answer != "match" {
		t.Errorf("honest: %s, %q, %v", answer, why, err)
	}
	for at := range leastLines {
		bad := edited(t, good, func(i int, m map[string]any) {
			if i == at {
				m["answer"] = "x" + m["answer"].(string)
			}
		})
		if answer, why, _, err := replays.ReplayJob(t.Context(), of, job.Shard{}, bad, nil); err != nil || answer != "mismatch" {
			t.Errorf("line %d: %s, %q, %v", at, answer, why, err)
		}
	}
}

func contains(list []identity.PubKey, p identity.PubKey) bool {
	for _, one := range list {
		if one == p {
			return true
		}
	}
	return false
}
