package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"infernet.tech/infernet/exec/gpu"
)

const (
	word  = `data: {"choices":[{"text":"a"}]}` + "\n\n"
	usage = `data: {"choices":[],"usage":{"completion_tokens":7}}` + "\n\n"
	done  = "data: [DONE]\n\n"
)

func TestReadSpeed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stream, fails string
	}{
		"whole":         {word + word + usage + done, ""},
		"a comment":     {": hello\n\n" + word + usage + done, ""},
		"no usage":      {word + done, "says nothing"},
		"usage alone":   {usage + done, "says nothing"},
		"nothing":       {done, "says nothing"},
		"cut":           {word + usage, "the engine's stream"},
		"no JSON":       {"data: hello\n\n" + done, "hello"},
		"an endless":    {"data: " + strings.Repeat("x", 2<<20) + "\n\n", "the engine's stream"},
		"usage negates": {word + `data: {"choices":[],"usage":{"completion_tokens":-7}}` + "\n\n" + done, "says nothing"},
	} {
		a, err := readSpeed(iotest.OneByteReader(strings.NewReader(tc.stream)), time.Now().Add(-time.Second))
		switch {
		case tc.fails == "" && (err != nil || a.tokens != 7 || a.first < time.Second || a.took < a.first):
			t.Errorf("%s: %+v, %v", name, a, err)
		case tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)):
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestSpeedOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a    answered
		want uint64
	}{
		{answered{tokens: 48, took: time.Second}, 48_000},
		{answered{tokens: 1, took: 3 * time.Second}, 333},
		{answered{tokens: 48}, 48_000_000_000}, // a clock that stood still divides nothing by nothing
	} {
		if got := tc.a.tpsMilli(); got != tc.want {
			t.Errorf("%+v: %d", tc.a, got)
		}
	}
}

func TestServedName(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"demo":                          "demo",
		"Demo":                          "demo",
		"/models/Tiny-Llama.Q4_K.gguf":  "tiny-llama.q4_k",
		"/models/folder":                "folder",
		"bafybeia6c5oi7w4ppyqbduyykezk": "bafybeia6c5oi7w4ppyqbduyykezk",
	} {
		if got := servedName(ref); got != want {
			t.Errorf("%s: %q", ref, got)
		}
	}
}

func TestEngineLimits(t *testing.T) {
	t.Parallel()
	l := engineLimits(6<<30, 3)
	if l.MemoryBytes != 6<<30 || l.CPUMillis != 3000 || l.WallClock <= 24*time.Hour || l.PIDs == 0 || l.ScratchBytes == 0 {
		t.Errorf("%+v", l)
	}
}

func TestModelsConfig(t *testing.T) {
	t.Parallel()
	good := DefaultConfig(t.TempDir())
	good.Roles = []Role{RoleProvider}
	good.Provider.Models.Serve = []string{"demo"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*ModelsConfig){
		"serve: 33":     func(m *ModelsConfig) { m.Serve = slices.Repeat([]string{"demo"}, maxServed+1) },
		"serve: \"\"":   func(m *ModelsConfig) { m.Serve = []string{""} },
		"serve: \"=x\"": func(m *ModelsConfig) { m.Serve = []string{"=x"} },
		"serve: \"x=\"": func(m *ModelsConfig) { m.Serve = []string{"x="} },
		"parallel: 0":   func(m *ModelsConfig) { m.Parallel = 0 },
		"parallel: 257": func(m *ModelsConfig) { m.Parallel = 257 },
		"context: -1":   func(m *ModelsConfig) { m.Context = -1 },
		"context: 1048": func(m *ModelsConfig) { m.Context = mostContext + 1 },
		"threads: -1":   func(m *ModelsConfig) { m.Threads = -1 },
		"price-in":      func(m *ModelsConfig) { m.In = mostRate + 1 },
		"price-out":     func(m *ModelsConfig) { m.Out = mostRate + 1 },
		"gpus:":         func(m *ModelsConfig) { m.GPUs = "a few" },
		"engine-idle":   func(m *ModelsConfig) { m.Idle = -time.Second },
		"adapter":       func(m *ModelsConfig) { m.Adapter = "nobodys" },
	} {
		bad := good
		change(&bad.Provider.Models)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	client := good
	client.Roles = []Role{RoleClient}
	if err := client.Validate(); err == nil || !strings.Contains(err.Error(), "only the provider") {
		t.Errorf("a client that serves: %v", err)
	}
	client.Provider.Models = ModelsConfig{}
	if err := client.Validate(); err != nil {
		t.Errorf("a client that serves nothing needs none of it: %v", err)
	}
	blind := good
	blind.Provider.Models.Serve, blind.Provider.Models.GPUs = nil, "a few"
	if err := blind.Validate(); err == nil {
		t.Error("cards for tasks are not looked at")
	}
}

// machine is so many cards of each vendor, in the order given.
func machine(vendors ...gpu.Vendor) (all []gpu.Device) {
	for i, v := range vendors {
		all = append(all, gpu.Device{ID: fmt.Sprintf("%s-%d", v, i), Index: i, Vendor: v})
	}
	return all
}

func TestDeal(t *testing.T) {
	t.Parallel()
	n, a, i := gpu.NVIDIA, gpu.AMD, gpu.Intel
	for name, tc := range map[string]struct {
		all     []gpu.Device
		engines int
		want    string // cards of each engine, then of tasks
	}{
		"tasks alone":      {machine(n, n), 0, "[] 2"},
		"one for one":      {machine(n), 1, "[1] 0"},
		"all for one":      {machine(n, n, n), 1, "[3] 0"},
		"the same each":    {machine(n, n, n, n, n, n, n), 2, "[3 3] 1"},
		"one each":         {machine(n, n, n), 3, "[1 1 1] 0"},
		"a laptop":         {machine(n, i), 1, "[1] 1"},
		"the larger group": {machine(i, n, n), 1, "[2] 1"},
		"mixed":            {machine(n, a, n, a), 2, "[2 2] 0"},
		"one vendor's":     {machine(n, n, n, a), 2, "[1 1] 2"},
	} {
		got, err := deal(tc.all, tc.engines, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sizes, seen := []int{}, map[string]bool{}
		for e := range got.engines {
			ids := got.of(e).IDs
			sizes = append(sizes, len(ids))
			for k, id := range ids {
				if seen[id] || got.engines[e][k].Vendor != got.engines[e][0].Vendor {
					t.Errorf("%s: %v", name, got.engines)
				}
				seen[id] = true
			}
		}
		rest := 0
		if got.tasks != nil {
			for _, e := range got.tasks.Entries() {
				if seen[e.Device.ID] {
					t.Errorf("%s: %s is an engine's and a task's", name, e.Device.ID)
				}
				rest++
			}
		}
		if said := fmt.Sprint(sizes, rest); said != tc.want {
			t.Errorf("%s: %s, want %s", name, said, tc.want)
		}
		if !got.of(len(got.engines)).None() {
			t.Errorf("%s: cards for no engine", name)
		}
	}
	if _, err := deal(machine(n, i), 3, nil); err == nil || !strings.Contains(err.Error(), "2 cards for 3 models") {
		t.Errorf("%v", err)
	}
	if got := (cards{all: machine(slices.Repeat([]gpu.Vendor{n}, 40)...)}).offer(); len(got) != maxOfferedGPUs {
		t.Errorf("%d cards in an offer", len(got))
	}
}
