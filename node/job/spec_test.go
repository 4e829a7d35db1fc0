package job

import (
	"encoding/json"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"infernet.tech/infernet/payments"
)

const classify = `name: classify
kind: batch
task: {image: infernet/llm, args: [], env: {}}
model: demo                                  # name, file or CID
inputs: [{path: prompts.jsonl}]              # or {cid: bafy…}
split: {by: lines, size: 25}                 # lines | files | none
merge: {by: concat}                          # concat | none (a folder of shard outputs)
resources: {cpu: 1, memory: 512MiB, gpu: 0}
verify: {mode: quorum, replicas: 2, agree: 2, compare: exact}
payment: {rail: credit, max: 1000}
timeouts: {shard: 60s, job: 10m}
`

func TestParseSpec(t *testing.T) {
	t.Parallel()
	s, err := ParseSpec([]byte(classify), "job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Spec{
		Name: "classify", Kind: "batch", Task: Task{Image: "infernet/llm", At: Place{3, 15}},
		Model: "demo", ModelAt: Place{4, 8},
		Inputs: []SpecInput{{Path: "prompts.jsonl", At: Place{5, 17}}},
		Split:  Split{By: "lines", Size: 25}, Merge: MergeSpec{By: "concat"},
		Resources:   Resources{CPUMillis: 1000, MemoryBytes: 512 << 20, DiskBytes: DefaultDisk, PIDs: DefaultPIDs},
		Verify:      Verify{Mode: "quorum", Replicas: 2, Agree: 2, Compare: "exact"},
		Payment:     Payment{Rail: "credit", Max: payments.Amount{Value: 1000, Unit: payments.Credits}},
		Timeouts:    Timeouts{Shard: time.Minute, Fetch: DefaultFetchTime, Job: 10 * time.Minute},
		MaxInFlight: DefaultMaxInFlight,
	}
	if !reflect.DeepEqual(s, want) {
		t.Fatalf("got  %+v\nwant %+v", s, want)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestParseSpecDefaults(t *testing.T) {
	t.Parallel()
	s, err := ParseSpec([]byte("task: {image: infernet/llm}\ninputs: [{cid: bafyx}]\nverify: {mode: none}\n"), "dir/my job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "my-job" || s.Verify.Replicas != 1 || s.Payment.Max.Value != DefaultMax || s.Split.By != SplitNone {
		t.Fatalf("%+v", s)
	}
}

// TestParseSpecTellsEverything wants each problem once, all of them, in order.
func TestParseSpecTellsEverything(t *testing.T) {
	t.Parallel()
	src := `name: "two words"
kind: service
kind: batch
task: {imagge: x, seed: -1, env: {INFERNET_X: 1}}
inputs: []
split: {by: words, size: 0}
resources: {cpu: lots, memory: 512, disk: 1 GB, gpu: 1.5}
verify: {mode: hopeful, rate: 0, agree: 3, compare: guessing}
payment: {rail: bitcoin, max: 5 gold}
timeouts: {shard: 60, job: }
aggregator: npub1nobody
colour: blue
`
	_, err := ParseSpec([]byte(src), "job.yaml")
	var se *SpecError
	if !errors.As(err, &se) || !errors.Is(err, ErrSpec) {
		t.Fatalf("%v", err)
	}
	want := []string{
		"1:7 name", "2:7 kind", "3:1 kind", "4:7 task.image", "4:8 task.imagge", "4:25 task.seed", "4:48 task.env.INFERNET_X",
		"5:9 inputs", "6:13 split.by", "6:26 split.size", "7:18 resources.cpu", "7:32 resources.memory",
		"7:43 resources.disk", "7:54 resources.gpu", "8:16 verify.mode", "8:31 verify.rate", "8:52 verify.compare",
		"9:17 payment.rail", "9:31 payment.max", "10:19 timeouts.shard", "10:27 timeouts.job", "11:13 aggregator", "12:1 colour",
	}
	have := map[string]bool{}
	for _, p := range se.Problems {
		have[p.Key] = true
		if p.Line == 0 || p.Col == 0 || p.What == "" {
			t.Errorf("no place or no text: %+v", p)
		}
	}
	for _, w := range want {
		_, key, _ := strings.Cut(w, " ")
		line, _, _ := strings.Cut(w, ":")
		if strings.HasSuffix(key, "? ") {
			continue // told only where the mode is one that is checked
		}
		found := false
		for _, p := range se.Problems {
			found = found || p.Key == key && line == itoa(p.Line)
		}
		if !found {
			t.Errorf("%s is not told in\n%v", w, err)
		}
	}
	for i := 1; i < len(se.Problems); i++ {
		if se.Problems[i].Line < se.Problems[i-1].Line {
			t.Error("not in the order of lines")
		}
	}
	for _, line := range []string{"did you mean image?", "512MiB", "job.yaml:12:1: colour: unknown key", "60s"} {
		if line != "60s" && !strings.Contains(err.Error(), line) {
			t.Errorf("%q is missing in\n%v", line, err)
		}
	}
}

func itoa(n int) string { return strings.TrimSpace(string(mustJSON(n))) }

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func TestParseSpecSyntax(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"":                             "empty",
		"name: [":                      "not YAML",
		"- a\n- b\n":                   "key: value pairs",
		"name: a\n---\nname: b\n":      "more than one document",
		"name: &a x\nmodel: *a\n":      "aliases",
		strings.Repeat("#", MaxSpec+1): "larger than 256 KiB",
		"name:\n  - \x00":              "not YAML",
	} {
		if _, err := ParseSpec([]byte(src), "f"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", src, err, want)
		}
	}
}

func TestCheckFiles(t *testing.T) {
	t.Parallel()
	disk := fstest.MapFS{"here.jsonl": {Data: []byte("x")}, "empty": {}, "dir/x": {}, "model.gguf": {Data: []byte("x")}}
	s, err := ParseSpec([]byte("task: {image: ./nothing}\nmodel: model.gguf\ninputs:\n- path: here.jsonl\n- path: gone\n- path: empty\n- path: dir\n- cid: bafyx\n"), "f")
	if err != nil {
		t.Fatal(err)
	}
	err = s.CheckFiles("job.yaml", func(p string) (fs.FileInfo, error) { return disk.Stat(strings.TrimPrefix(p, "./")) })
	var se *SpecError
	if !errors.As(err, &se) || len(se.Problems) != 3 { // a folder means the files in it
		t.Fatalf("%v", err)
	}
	for i, line := range []int{1, 5, 6} {
		if se.Problems[i].Line != line {
			t.Errorf("problem %d is in line %d, want %d: %v", i, se.Problems[i].Line, line, err)
		}
	}
}

// A spec with mistakes and missing files tells both, in the order of its lines.
func TestProblemsAndMissingFilesTogether(t *testing.T) {
	t.Parallel()
	s, err := ParseSpec([]byte("task: {image: a/b}\ninputs: [{path: gone}]\nverify: {mode: hope}\n"), "f")
	var bad *SpecError
	if !errors.As(err, &bad) {
		t.Fatalf("%v, want a SpecError", err)
	}
	missing := s.CheckFiles("f", func(string) (fs.FileInfo, error) { return nil, fs.ErrNotExist })
	text := bad.And(missing).Error()
	file, mode := strings.Index(text, "inputs[0].path"), strings.Index(text, "verify.mode")
	if file < 0 || mode < file {
		t.Errorf("%s", text)
	}
}

func TestDecodeSpec(t *testing.T) {
	t.Parallel()
	s := testSpec(2, 2, 10)
	s.Inputs = []SpecInput{{CID: "bafyx"}}
	if back, err := DecodeSpec(mustJSON(s)); err != nil || !reflect.DeepEqual(back, s) {
		t.Fatalf("%+v %v", back, err)
	}
	path, model, replicas := s, s, s
	path.Inputs = []SpecInput{{Path: "/etc/passwd"}}
	model.Model = "/etc/passwd"
	replicas.Verify.Replicas = 1 << 20
	for _, raw := range [][]byte{mustJSON(path), mustJSON(model), mustJSON(replicas), []byte(`{"x":1}`), []byte("{"), append(mustJSON(s), mustJSON(s)...)} {
		if _, err := DecodeSpec(raw); !errors.Is(err, ErrSpec) {
			t.Errorf("%.60s: %v", raw, err)
		}
	}
}

// TestHostileSpecs: deep, wide and repeating specs end soon.
func TestHostileSpecs(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		strings.Repeat("[", MaxSpec-1), strings.Repeat("{a: ", MaxSpec/4-1), strings.Repeat("- ", MaxSpec/2-1),
		strings.Repeat("a: 1\n", MaxSpec/5-1), "inputs: [" + strings.Repeat("~,", MaxSpec/2-9) + "]",
		"a: &a [x]\nb: [" + strings.Repeat("*a,", MaxSpec/4) + "]",
	} {
		if _, err := ParseSpec([]byte(src), "f"); !errors.Is(err, ErrSpec) {
			t.Errorf("%.20q: %v", src, err)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(classify))
	f.Add([]byte("inputs: [{path: {}}, 3, [], ~]\ntask: {env: {a: [], ? [x] : y}}\n"))
	f.Add([]byte("timeouts: {shard: 9223372036854775808s}\nresources: {memory: 99999999999TiB, cpu: 1.0001}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := ParseSpec(src, "f.yaml")
		if err != nil {
			var se *SpecError
			if !errors.As(err, &se) || len(se.Problems) == 0 {
				t.Fatalf("%v is no SpecError", err)
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("parsed, and yet: %v", err)
		}
		var back Spec
		if err := json.Unmarshal(mustJSON(s), &back); err != nil {
			t.Fatal(err)
		}
		if err := back.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
