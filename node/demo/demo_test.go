package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
)

func TestQuestionsAreDifferent(t *testing.T) {
	t.Parallel()
	qs := questions(1000)
	seen := map[string]bool{}
	for _, q := range qs {
		if seen[q.Prompt] || seen[q.ID] {
			t.Errorf("%s comes twice: %s", q.ID, q.Prompt)
		}
		seen[q.Prompt], seen[q.ID] = true, true
	}
	if n := len(questions(7)); n != 7 || len(qs) != 1000 {
		t.Errorf("%d and %d questions", n, len(qs))
	}
}

// TestTheModelKnowsTheAnswers runs the real engine, where it is built.
func TestTheModelKnowsTheAnswers(t *testing.T) {
	t.Parallel()
	bin := os.Getenv(engine.BinaryEnv)
	if bin == "" {
		bin = "../../bin/engine/infernet-llm"
	}
	if _, err := os.Stat(bin); err != nil {
		t.Skip("the engine is not built: make engine")
	}
	dir := t.TempDir()
	qs := questions(Default().Prompts)
	if err := writeQuestions(dir+"/input.jsonl", qs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/model", engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "--in", dir, "--model", dir+"/model", "--out", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	right, faults, err := check(dir+"/output.jsonl", qs)
	if err != nil || right != len(qs) || len(faults) > 0 {
		t.Errorf("%d of %d right: %v, %v", right, len(qs), faults, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	qs := questions(4)
	line := func(id, answer string) string {
		return fmt.Sprintf("{\"id\":%q,\"answer\":%q,\"tokens\":1}\n", id, answer)
	}
	good := ""
	for _, q := range qs {
		good += line(q.ID, q.answer)
	}
	for _, tc := range []struct {
		name, text string
		right      int
		fault      string
	}{
		{"all right", good, 4, ""},
		{"one wrong", strings.Replace(good, qs[1].answer, "Nobody knows.", 1), 3, "Nobody knows."},
		{"one missing", strings.Replace(good, line(qs[3].ID, qs[3].answer), "", 1), 3, "ends before q004"},
		{"one too many", good + line("q005", "x"), 4, "goes on"},
		{"out of order", line(qs[1].ID, qs[1].answer) + good, 0, "stands where"},
	} {
		path := filepath.Join(t.TempDir(), "output.jsonl")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		right, faults, err := check(path, qs)
		if err != nil || right != tc.right || !strings.Contains(strings.Join(faults, "\n"), tc.fault) || tc.fault == "" && len(faults) > 0 {
			t.Errorf("%s: %d right, %q, %v", tc.name, right, faults, err)
		}
	}
}

func TestTheJobIsValid(t *testing.T) {
	t.Parallel()
	spec, err := job.ParseSpec([]byte(jobSpec(25)), "demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if spec.Split.Size != 25 || spec.Verify.Replicas != 2 || spec.Task.Image != engine.ImageName {
		t.Errorf("got %+v", spec)
	}
}

// example is a summary of a demo that went well.
func example() (Summary, []string, map[string]uint64, api.Job) {
	s := Summary{Answers: Answers{Total: 200, Right: 200}, TimingsMS: map[string]int64{"total": 1500}}
	j := api.Job{
		State:     api.JobDone,
		Providers: []api.ProviderShare{{NPub: "npub-a", Shards: 5, Paid: 100}, {NPub: "npub-b", Shards: 3, Paid: 60}, {NPub: "npub-c"}},
		Cheaters:  []api.Cheater{{NPub: "npub-c", Evidence: []string{"its result lost"}}},
	}
	s.Job = j
	return s, []string{"npub-c"}, map[string]uint64{"npub-a": 100, "npub-b": 60}, j
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		spoil   func(s *Summary, paid map[string]uint64, j *api.Job)
		problem string
	}{
		{"well", func(*Summary, map[string]uint64, *api.Job) {}, ""},
		{"failed job", func(s *Summary, _ map[string]uint64, _ *api.Job) { s.Job.State, s.Job.Reason = "failed", "nobody came" }, "nobody came"},
		{"wrong answer", func(s *Summary, _ map[string]uint64, _ *api.Job) { s.Answers.Right-- }, "199 of 200"},
		{"not caught", func(_ *Summary, _ map[string]uint64, j *api.Job) { j.Cheaters = nil }, "not caught"},
		{"paid for wrong", func(_ *Summary, paid map[string]uint64, _ *api.Job) { paid["npub-c"] = 20 }, "paid 20 credits for wrong"},
		{"not paid", func(_ *Summary, paid map[string]uint64, _ *api.Job) { delete(paid, "npub-b") }, "npub-b did 3 shards and was not paid"},
		{"slandered", func(_ *Summary, _ map[string]uint64, j *api.Job) {
			j.Cheaters = append(j.Cheaters, api.Cheater{NPub: "npub-a", Evidence: []string{"x"}})
		}, "npub-a was taken for a cheater"},
	} {
		s, cheaters, paid, j := example()
		tc.spoil(&s, paid, &j)
		s.collect(cheaters, paid, j)
		s.judge()
		all := strings.Join(s.Problems, "\n")
		if s.OK != (tc.problem == "") || !strings.Contains(all, tc.problem) {
			t.Errorf("%s: ok %v, problems %q", tc.name, s.OK, all)
		}
	}
}

func TestUncaught(t *testing.T) {
	t.Parallel()
	_, _, _, well := example()
	unjudged := well
	unjudged.Cheaters = []api.Cheater{{NPub: "npub-c"}}
	for _, tc := range []struct {
		jobs []api.Job
		free []string
	}{
		{nil, []string{"npub-c", "npub-d"}},
		{[]api.Job{unjudged}, []string{"npub-c", "npub-d"}},
		{[]api.Job{unjudged, well}, []string{"npub-d"}},
	} {
		if free := uncaught([]string{"npub-c", "npub-d"}, tc.jobs); !slices.Equal(free, tc.free) {
			t.Errorf("of %d jobs: %q are free, want %q", len(tc.jobs), free, tc.free)
		}
	}
}

func TestSummaryForPeopleAndPrograms(t *testing.T) {
	t.Parallel()
	s, cheaters, paid, j := example()
	s.collect(cheaters, paid, j)
	s.judge()
	var text bytes.Buffer
	if err := s.Print(&text, map[string]string{"npub-c": "cheater1"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 of 200", "cheater1", "caught", "its result lost", "100 credits", "1.5 s"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in:\n%s", want, &text)
		}
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ok", "chat", "job", "cheaters", "providers", "timings_ms"} {
		if _, there := doc[key]; !there {
			t.Errorf("no %q in %s", key, raw)
		}
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "demos")
	// What a killed demo left, in a slot that is not the next one to be used.
	old := filepath.Join(base, "3", "relay")
	if err := os.MkdirAll(old, 0o755); err != nil {
		t.Fatal(err)
	}
	var dirs []string
	var releases []func()
	for range slots {
		dir, release, err := takeSlot(t.Context(), base)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(dirs, dir) {
			t.Errorf("%s is given twice", dir)
		}
		dirs, releases = append(dirs, dir), append(releases, release)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Error("what a killed demo left is still there")
	}
	if _, _, err := takeSlot(t.Context(), base); !errors.Is(err, ErrBusy) {
		t.Errorf("one demo too many: %v", err)
	}
	for _, release := range releases {
		release()
	}
	if _, err := os.Stat(base); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder stays behind")
	}
}

func TestUnsafeFolder(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "demos")
	if err := os.Mkdir(base, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, _, err := takeSlot(t.Context(), base); !errors.Is(err, ErrUnsafeDir) {
		t.Errorf("others can write: %v", err)
	}
	link := base + "-link"
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, _, err := takeSlot(t.Context(), link); !errors.Is(err, ErrUnsafeDir) {
		t.Errorf("a link: %v", err)
	}
}

func TestTellerKeepsControlBytesBack(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	say := newTeller(&out)
	say.words([]byte("Par\x1b[2Jis\n"))
	say.words([]byte(" é"))
	say.line("next")
	if got := out.String(); strings.ContainsRune(got, 0x1b) || !strings.Contains(got, "> Par[2Jis é\n") {
		t.Errorf("got %q", got)
	}
	shard := &api.ShardCounts{Total: 8, OK: 1}
	say.event(api.Event{Type: api.EventProgress, Shards: shard}, nil)
	say.event(api.Event{Type: api.EventProgress, Shards: shard}, nil)
	say.event(api.Event{Type: api.EventNote, Text: "lied", Provider: "npub-c"}, map[string]string{"npub-c": "cheater1"})
	if got := out.String(); strings.Count(got, "1 of 8") != 1 || !strings.Contains(got, "cheater1: lied") {
		t.Errorf("got %q", got)
	}
}
