package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Defaults of a spec: what ApplyDefaults puts where nothing was written.
const (
	DefaultCPUMillis   = 1000
	DefaultMemory      = 512 << 20
	DefaultDisk        = 64 << 20 // providers keep as much in memory; more gets a disk of its own
	DefaultPIDs        = 256
	DefaultReplicas    = 2
	DefaultAgree       = 2
	DefaultSplitSize   = 1
	DefaultMax         = 1000 // credits; money is never spent without a ceiling that somebody named
	DefaultShardTime   = 5 * time.Minute
	DefaultFetchTime   = 5 * time.Minute
	DefaultJobTime     = time.Hour
	DefaultMaxInFlight = 64
)

// Bounds of a spec.
const (
	MaxReplicas = 16
	MaxInputs   = 10_000
	MaxArgs     = 64
	MaxText     = 4096 // bytes of one argument, variable or path
	MaxName     = 64
	MaxTimeout  = 30 * 24 * time.Hour
)

// ApplyDefaults fills in what was not written. It is the only place that knows
// a default. Files and lines are split one by one unless a size is given;
// verification is adaptive, or a quorum where replicas or agree are given.
func (s *Spec) ApplyDefaults() {
	fill(&s.Kind, KindBatch)
	fill(&s.Split.By, SplitNone)
	if s.Split.By != SplitNone {
		fill(&s.Split.Size, DefaultSplitSize)
	}
	fill(&s.Merge.By, MergeConcat)
	fill(&s.Resources.CPUMillis, DefaultCPUMillis)
	fill(&s.Resources.MemoryBytes, DefaultMemory)
	fill(&s.Resources.DiskBytes, DefaultDisk)
	fill(&s.Resources.PIDs, DefaultPIDs)
	s.Verify.applyDefaults()
	s.tellTokens()
	s.Payment.applyDefaults()
	fill(&s.Timeouts.Shard, DefaultShardTime)
	fill(&s.Timeouts.Fetch, DefaultFetchTime)
	fill(&s.Timeouts.Job, DefaultJobTime)
	fill(&s.MaxInFlight, DefaultMaxInFlight)
}

func fill[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Validate returns a *SpecError with all that is wrong with a complete spec. It
// is for specs that came from elsewhere than ParseSpec, such as another node.
func (s Spec) Validate() error {
	v := checker{}
	s.check(&v)
	if len(v.problems) == 0 {
		return nil
	}
	return &SpecError{Name: s.Name, Problems: v.problems}
}

// DecodeSpec reads a spec that another node sent as JSON. Unknown keys are
// refused, what is wrong is a *SpecError, and so is a file: the paths of another
// machine mean nothing here and must not be opened.
func DecodeSpec(raw []byte) (Spec, error) {
	bad := func(p Problem) (Spec, error) {
		return Spec{}, &SpecError{Name: "the spec received", Problems: []Problem{p}}
	}
	if len(raw) > MaxSpec {
		return bad(Problem{What: "larger than 256 KiB"})
	}
	var s Spec
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return bad(Problem{What: err.Error()})
	}
	if d.More() {
		return bad(Problem{What: "more than one document"})
	}
	for i, in := range s.Inputs {
		if in.Path != "" {
			return bad(Problem{Key: fmt.Sprintf("inputs[%d]", i), What: "a file of another machine", Hint: "give its CID"})
		}
	}
	if IsPath(s.Model) || IsPath(s.Task.Image) {
		return bad(Problem{Key: "model, task.image", What: "a file of another machine", Hint: "give its CID or digest"})
	}
	return s, s.Validate()
}

// checker collects problems. at tells the place of a key where it is known.
type checker struct {
	at       func(key string) Place
	problems []Problem
}

func (v *checker) say(ok bool, key, hint, format string, args ...any) {
	if ok || len(v.problems) >= MaxProblems {
		return
	}
	var p Place
	if v.at != nil {
		p = v.at(key)
	}
	v.problems = append(v.problems, Problem{Line: p.Line, Col: p.Col, Key: key, What: fmt.Sprintf(format, args...), Hint: hint})
}

func (v *checker) oneOf(key, got string, allowed ...string) {
	for _, a := range allowed {
		if got == a {
			return
		}
	}
	v.say(false, key, "one of: "+strings.Join(allowed, ", "), "%.40q is not possible", got)
}

func (s Spec) check(v *checker) {
	v.say(nameOK(s.Name), "name", "1 to 64 letters, digits, '-', '_' or '.'", "%.80q is no name for a job", s.Name)
	if s.Kind == "inference" {
		v.say(false, "kind", "use batch", "inference is not available yet")
	} else {
		v.oneOf("kind", s.Kind, KindBatch)
	}
	s.checkTask(v)
	v.say(len(s.Inputs) > 0, "inputs", "inputs: [{path: prompts.jsonl}]", "a job needs an input")
	v.say(len(s.Inputs) <= MaxInputs, "inputs", "", "%d inputs, at most %d are possible", len(s.Inputs), MaxInputs)
	for i, in := range s.Inputs {
		key := fmt.Sprintf("inputs[%d]", i)
		v.say((in.Path == "") != (in.CID == ""), key, "", "give either path or cid")
		v.say(textOK(in.Path) && textOK(in.CID), key, "", "too long, or not text")
	}
	v.oneOf("split.by", s.Split.By, SplitByLines, SplitByFiles, SplitNone)
	v.say(s.Split.By != SplitNone || s.Split.Size == 0, "split.size", "leave it out, or split by lines or files", "nothing is split")
	v.oneOf("merge.by", s.Merge.By, MergeConcat, MergeNone)
	s.checkVerify(v)
	s.Payment.check(v)
	s.checkBounds(v)
}

func (s Spec) checkTask(v *checker) {
	v.say(s.Task.Image != "", "task.image", "task: {image: infernet/llm}", "a job needs an image")
	v.say(textOK(s.Task.Image), "task.image", "", "too long, or not text")
	v.say(len(s.Task.Args) <= MaxArgs, "task.args", "", "%d arguments, at most %d are possible", len(s.Task.Args), MaxArgs)
	for i, a := range s.Task.Args {
		v.say(textOK(a), fmt.Sprintf("task.args[%d]", i), "", "longer than %d bytes, or not text", MaxText)
	}
	v.say(len(s.Task.Env) <= MaxArgs, "task.env", "", "%d variables, at most %d are possible", len(s.Task.Env), MaxArgs)
	for _, kv := range s.Task.Env {
		key := "task.env." + kv[0]
		v.say(envOK(kv[0]), key, "letters, digits and '_', not beginning with a digit", "%.40q is no name for a variable", kv[0])
		v.say(!strings.HasPrefix(kv[0], "INFERNET_"), key, "use another name", "names that begin with INFERNET_ are set by the node")
		v.say(textOK(kv[1]), key, "", "longer than %d bytes, or not text", MaxText)
	}
	v.say(textOK(s.Model), "model", "", "too long, or not text")
}

func (s Spec) checkBounds(v *checker) {
	r, t := s.Resources, s.Timeouts
	v.say(r.CPUMillis >= 10 && r.CPUMillis <= 1_024_000, "resources.cpu", "", "between 0.01 and 1024 processors are possible")
	v.say(r.MemoryBytes >= 4<<20, "resources.memory", "at least 4MiB", "%d bytes are too few", r.MemoryBytes)
	v.say(r.DiskBytes >= 1<<20, "resources.disk", "at least 1MiB", "%d bytes are too few", r.DiskBytes)
	v.say(r.PIDs >= 1 && r.PIDs <= 1<<16, "resources.pids", "", "%d is not between 1 and %d", r.PIDs, 1<<16)
	v.say(r.GPUs <= 64, "resources.gpu", "", "%d is more than 64", r.GPUs)
	v.say(r.VRAMBytes == 0 || r.GPUs > 0, "resources.vram", "set resources.gpu", "there is no GPU to have memory")
	for _, d := range []struct {
		key string
		d   time.Duration
	}{{"timeouts.shard", t.Shard}, {"timeouts.fetch", t.Fetch}, {"timeouts.job", t.Job}} {
		v.say(d.d >= time.Second && d.d <= MaxTimeout, d.key, "between 1s and 720h", "%s is not possible", d.d)
	}
	v.say(t.Job >= t.Shard, "timeouts.job", "at least timeouts.shard", "%s ends before a shard may (%s)", t.Job, t.Shard)
	v.say(s.MaxInFlight >= 1 && s.MaxInFlight <= MaxShards, "max_in_flight", "", "%d is not between 1 and %d", s.MaxInFlight, MaxShards)
}
