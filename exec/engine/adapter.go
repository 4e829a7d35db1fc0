package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// Labels of an image that says itself how it is run as an engine.
const (
	LabelEngine = "tech.infernet.engine"       // "1": it keeps the contract
	LabelServe  = "tech.infernet.engine.serve" // as exec.Task.Serve; "unix" when left out
	LabelArgs   = "tech.infernet.engine.args"  // JSON list: arguments that make it serve
	LabelCan    = "tech.infernet.engine.can"   // its capabilities, with commas between
)

// maxCapabilities bounds those that an image may claim.
const maxCapabilities = 64

// modelPath is where a task finds its model.
const modelPath = "/model"

// Adapter says how a program that is not made for us is run as an engine. It
// is data: what it starts with, and what it then can do.
type Adapter struct {
	Name  string
	About string // one line
	Serve string // as exec.Task.Serve
	// Health is the path whose 200 says that the engine is ready.
	Health string
	// Args and Env may hold {name}, {parallel}, {threads}, {context},
	// {total} (context times parallel), {gpus} (how many) and {layers} (all,
	// where there are GPUs). A group of arguments, or a
	// variable, with a placeholder that has no value is left out.
	Args [][]string
	Env  []string
	// Scratch is what /tmp and /dev/shm need beyond the sandbox's default, in
	// bytes each; CopiesModel adds the size of the model.
	Scratch     uint64
	CopiesModel bool
	// Capabilities beyond chat and completions; see node/docs/engines.md.
	Capabilities []string
	// loads names the step that puts the model into the running engine.
	loads string
}

// Capabilities of engines.
const (
	CapEmbeddings = "embeddings"
	CapLogprobs   = "logprobs"
	CapJSONSchema = "json_schema"
	CapTools      = "tools"
	CapTokenIDs   = "token_ids" // return_token_ids
	CapTokenize   = "tokenize"
	CapReplay     = "replay"
)

// Adapters lists the names that Spec.Adapter may have.
func Adapters() []string { return slices.Sorted(maps.Keys(adapters)) }

// AdapterOf is the adapter of this name.
func AdapterOf(name string) (Adapter, bool) {
	a, ok := adapters[name]
	return a, ok
}

// CapabilitiesOf is what the engine of s says it can do beyond chat and
// completions. Errors: ErrSpec, exec.ErrImage.
func CapabilitiesOf(s Spec) ([]string, error) {
	a, err := recipe(s)
	return slices.Clone(a.Capabilities), err
}

// recipe finds how the engine of s is run. Errors: ErrSpec, exec.ErrImage.
func recipe(s Spec) (Adapter, error) {
	if s.Adapter != "" {
		return adapters[s.Adapter], nil
	}
	if s.Image.Layout == "" {
		return Adapter{Serve: "unix", Health: "/health"}, nil
	}
	l, err := image.Open(s.Image.Layout, s.Image.Digest, image.DefaultLimits())
	if err != nil {
		return Adapter{}, err
	}
	return labelled(l.Config.Config.Labels)
}

// labelled is the recipe that an image's labels give.
func labelled(labels map[string]string) (Adapter, error) {
	a := Adapter{Serve: "unix", Health: "/health"}
	if labels[LabelEngine] != "1" {
		return a, fmt.Errorf("%w: the image has no label %s=1; name an adapter, one of %v", ErrSpec, LabelEngine, Adapters())
	}
	if s := labels[LabelServe]; s != "" {
		a.Serve = s
	}
	if _, err := exec.ServePort(a.Serve); err != nil {
		return a, fmt.Errorf("%w: label %s: %w", ErrSpec, LabelServe, err)
	}
	if s := labels[LabelArgs]; s != "" {
		var args []string
		if err := json.Unmarshal([]byte(s), &args); err != nil {
			return a, fmt.Errorf("%w: label %s is no JSON list of texts", ErrSpec, LabelArgs)
		}
		a.Args = [][]string{args}
	}
	for can := range strings.SplitSeq(labels[LabelCan], ",") {
		if can = strings.TrimSpace(can); can != "" && len(can) <= 64 && len(a.Capabilities) < maxCapabilities {
			a.Capabilities = append(a.Capabilities, can)
		}
	}
	return a, nil
}

// task is what is run.
func (a Adapter) task(s Spec, gpus []string, serial uint64) exec.Task {
	fill := a.filler(s, gpus)
	t := exec.Task{
		ID:    "engine-" + strconv.FormatUint(serial, 10) + "-" + short(s.Key),
		Image: s.Image, Model: s.Model, Limits: s.Limits, Serve: a.Serve, GPUs: gpus,
		Labels: map[string]string{"tech.infernet.engine.key": s.Key},
	}
	for _, group := range a.Args {
		if args, ok := fillAll(fill, group); ok {
			t.Args = append(t.Args, args...)
		}
	}
	t.Args = append(t.Args, s.Args...)
	t.Env = contractEnv(s)
	for _, v := range a.Env {
		if one, ok := fillAll(fill, []string{v}); ok {
			t.Env = append(t.Env, one...)
		}
	}
	t.Env = append(t.Env, s.Env...)
	t.Limits.ScratchBytes = max(t.Limits.ScratchBytes, a.Scratch)
	if a.CopiesModel {
		t.Limits.ScratchBytes += modelSize(s.Model)
	}
	return t
}

// contractEnv is the environment that every engine gets.
func contractEnv(s Spec) []string {
	env := []string{
		"INFERNET_SOCKET=" + exec.SocketPath,
		"INFERNET_MODEL_NAME=" + s.Name,
		"INFERNET_PARALLEL=" + strconv.Itoa(s.Parallel),
		"INFERNET_THREADS=" + strconv.Itoa(threads(s)),
	}
	if s.Model != "" {
		env = append(env, "INFERNET_MODEL="+modelPath)
	}
	if s.Context > 0 {
		env = append(env, "INFERNET_CONTEXT="+strconv.Itoa(s.Context))
	}
	return env
}

// threads is as many as the processor limit grants, rounded down: threads that
// wait for one another on fewer cores are far slower than one.
func threads(s Spec) int { return max(1, int(s.Limits.CPUMillis/1000)) }

// filler maps placeholders to values, "" for those without one.
func (a Adapter) filler(s Spec, gpus []string) map[string]string {
	v := map[string]string{
		"{name}": s.Name, "{parallel}": strconv.Itoa(s.Parallel), "{threads}": strconv.Itoa(threads(s)),
		"{context}": "", "{total}": "", "{gpus}": "", "{layers}": "",
	}
	if s.Context > 0 {
		v["{context}"], v["{total}"] = strconv.Itoa(s.Context), strconv.Itoa(s.Context*s.Parallel)
	}
	if len(gpus) > 0 {
		v["{gpus}"], v["{layers}"] = strconv.Itoa(len(gpus)), "999"
	}
	return v
}

// fillAll puts values into texts; false when one has a placeholder that has no
// value.
func fillAll(values map[string]string, in []string) ([]string, bool) {
	out := slices.Clone(in)
	for i := range out {
		for name, v := range values {
			if !strings.Contains(in[i], name) {
				continue
			}
			if v == "" {
				return nil, false
			}
			out[i] = strings.ReplaceAll(out[i], name, v)
		}
	}
	return out, true
}

// short is a few hex digits of a key, for the id of a task.
func short(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:4])
}
