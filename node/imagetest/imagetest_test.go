package imagetest_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/enginetest"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/alone"
	"infernet.tech/infernet/node/imagetest"
)

// program is the infernet program's place, beside which the runtime lies. The
// test has a folder for temporary files of its own from then on.
func program(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root; run the tests as root to have this one")
	}
	path, err := filepath.Abs("../../bin/infernet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "runtime", "containerd")); err != nil {
		t.Skip("the container runtime is not built; run make build to have this one")
	}
	if os.Getenv(child) == "" {
		t.Setenv("TMPDIR", t.TempDir())
	}
	return path
}

// comm is the name of the program in each image, by which it is found among
// the machine's processes.
const comm = "imagetest-eng"

// layout is an image of one program.
func layout(t *testing.T, bin string, labels map[string]string, env ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if _, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{comm: {Mode: 0o755, Path: bin}},
		Entrypoint: []string{"/" + comm}, Env: env, Labels: labels,
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packed is a layout as one file.
func packed(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// try runs the test of an image, and sees that nothing is left of it.
func try(t *testing.T, cfg imagetest.Config) imagetest.Result {
	t.Helper()
	cfg.Program, cfg.Slack = program(t), 20*time.Second
	res, err := imagetest.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Checks {
		t.Logf("%-40s %-6s %-5v %5d ms %s", c.Name, c.Level, c.OK, c.Millis, c.Detail)
	}
	nothingLeft(t)
	return res
}

func nothingLeft(t *testing.T) {
	t.Helper()
	at := alone.Folder("image-test")
	if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); bytes.Contains(mounts, []byte(at)) {
		t.Error("mounts are left")
	}
	if out, _ := osexec.Command("pgrep", "-f", at).Output(); len(out) > 0 {
		t.Errorf("processes are left: %q", out)
	}
}

// detail is what is said of a check that must have failed.
func detail(t *testing.T, res imagetest.Result, name string) string {
	t.Helper()
	i := slices.IndexFunc(res.Checks, func(c imagetest.Check) bool { return c.Name == name })
	if i < 0 || res.Checks[i].OK {
		t.Errorf("%s did not fail", name)
		return ""
	}
	return res.Checks[i].Detail
}

// unhealthy tries an image whose engine never gets healthy, until that is told
// of the engine in these words: the container takes its part of the time, which
// on a busy machine is all of it.
func unhealthy(t *testing.T, cfg imagetest.Config, says string) imagetest.Result {
	t.Helper()
	for cfg.Start = 2 * time.Second; ; cfg.Start *= 2 {
		res := try(t, cfg)
		told := detail(t, res, imagetest.CheckStart)
		if strings.Contains(told, "not healthy within "+cfg.Start.String()) && strings.Contains(told, says) || cfg.Start > time.Minute {
			return res
		}
	}
}

var contract = map[string]string{engine.LabelEngine: "1"}

func TestEcho(t *testing.T) {
	cfg := imagetest.Default()
	labels := map[string]string{engine.LabelEngine: "1", engine.LabelCan: "replay,embeddings"}
	cfg.Image = packed(t, layout(t, exectest.Build(t, "infernet.tech/infernet/exec/engine/echo"), labels))
	res := try(t, cfg)
	if !res.OK || res.Left || res.Failed(enginetest.Must)+res.Failed(enginetest.Should) > 0 || !slices.Contains(res.Can, engine.CapReplay) || len(res.Checks) < 38 {
		t.Errorf("%+v", res)
	}
}

func TestDefaultEngine(t *testing.T) {
	bin := filepath.Join(filepath.Dir(program(t)), "engine", "infernet-llm")
	if _, err := os.Stat(bin); err != nil {
		t.Skip("the default engine is not built; run make engine to have this one")
	}
	t.Setenv(engine.BinaryEnv, bin)
	cfg := imagetest.Default()
	cfg.Image = engine.ImageName
	if res := try(t, cfg); !res.OK || res.Failed(enginetest.Should) > 0 {
		t.Error("the default engine breaks the contract")
	}
}

func TestNoEngine(t *testing.T) {
	echo := exectest.Build(t, "infernet.tech/infernet/exec/engine/echo")
	cfg := imagetest.Default()
	const never = "never healthy"
	for _, c := range []struct {
		name, image, adapter string
		check                string
		says                 []string
	}{
		{"ends", layout(t, echo, contract, "ECHO_DELAY=soon"), "", imagetest.CheckStart, []string{"exit code 1", "ECHO_DELAY"}},
		{never, layout(t, echo, contract, "ECHO_START=never"), "", imagetest.CheckStart, []string{"not healthy within", "health is 503"}},
		{"no labels", layout(t, echo, nil), "", imagetest.CheckLabels, []string{engine.LabelEngine, "vllm"}},
		{"no program", layout(t, "/etc/hostname", contract), "", imagetest.CheckStart, []string{"did not start"}},
		{"no image", packed(t, t.TempDir()), "", imagetest.CheckImage, []string{"neither an OCI layout"}},
		// Where a port is served on, there is no folder for a socket.
		{"another engine", layout(t, echo, nil), "sglang", imagetest.CheckStart, []string{"exit code 1", "http.sock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg.Image, cfg.Adapter, cfg.Memory = c.image, c.adapter, 16<<30
			var res imagetest.Result
			if c.name == never {
				res = unhealthy(t, cfg, "health is 503")
			} else {
				res = try(t, cfg)
			}
			if res.OK || !res.Left {
				t.Errorf("%+v", res)
			}
			told := detail(t, res, c.check)
			for _, s := range c.says {
				if !strings.Contains(told, s) {
					t.Errorf("%q is not said", s)
				}
			}
		})
	}
}

func TestRubbish(t *testing.T) {
	bin := exectest.Build(t, "infernet.tech/infernet/node/imagetest/testdata/rubbish")
	for how, want := range map[string]map[string]string{
		"page":  {"chat": "hello", "error of a big body": "status 200", imagetest.CheckClaims: "replay"},
		"crash": {"chat": "exit code 5", imagetest.CheckRuns: "cursed"},
		"noise": {imagetest.CheckStart: "not healthy within"},
	} {
		t.Run(how, func(t *testing.T) {
			cfg := imagetest.Default()
			cfg.Image = layout(t, bin, map[string]string{engine.LabelEngine: "1", engine.LabelCan: "tools,replay"}, "RUBBISH="+how)
			var res imagetest.Result
			if how == "noise" {
				res = unhealthy(t, cfg, "")
			} else {
				res = try(t, cfg)
			}
			if res.OK {
				t.Error("passed")
			}
			for name, s := range want {
				if told := detail(t, res, name); !strings.Contains(told, s) {
					t.Errorf("%s: %q is not said", name, s)
				}
			}
			for _, c := range res.Checks {
				if strings.Contains(c.Detail, "\x1b") {
					t.Errorf("%s moves the cursor: %q", c.Name, c.Detail)
				}
			}
		})
	}
}

// A run that is called off says so and leaves nothing.
func TestCalledOff(t *testing.T) {
	cfg := imagetest.Default()
	cfg.Program = program(t)
	cfg.Image = layout(t, exectest.Build(t, "infernet.tech/infernet/exec/engine/echo"), contract, "ECHO_START=never")
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Report = func(line string) {
		if line == "starting the engine" {
			time.AfterFunc(500*time.Millisecond, cancel)
		}
	}
	if _, err := imagetest.Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	nothingLeft(t)
}

// child is set in the process that TestKilled kills: the image that it tests.
const child = "INFERNET_IMAGETEST_CHILD"

// A run that was killed leaves nothing beyond the next run.
func TestKilled(t *testing.T) {
	cfg := imagetest.Default()
	cfg.Program, cfg.Image, cfg.Slack = program(t), os.Getenv(child), 20*time.Second
	if cfg.Image != "" {
		cfg.Report = func(line string) { _, _ = os.Stdout.WriteString(line + "\n") }
		_, err := imagetest.Run(t.Context(), cfg)
		t.Fatalf("not killed: %v", err)
	}
	echo := exectest.Build(t, "infernet.tech/infernet/exec/engine/echo")
	cmd := osexec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), child+"="+layout(t, echo, contract, "ECHO_START=never"))
	out, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "starting the engine" {
	}
	images := filepath.Join(alone.Folder("image-test"), "run", "runtime", "exec", "images")
	running := func() bool {
		out, err := osexec.Command("pgrep", "--runstates", "R,S,D", "-x", comm).Output()
		return err == nil && len(out) > 0
	}
	for end := time.Now().Add(3 * time.Minute); !running(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error("the engine was never started")
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := os.Stat(images); err != nil {
		t.Errorf("there is nothing to be swept: %v", err)
	}
	cfg.Image = layout(t, echo, contract)
	if res, err := imagetest.Run(t.Context(), cfg); err != nil || !res.OK {
		t.Errorf("%+v, %v", res, err)
	}
	nothingLeft(t)
	if running() {
		t.Error("the first engine runs on")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	here := t.TempDir()
	for name, c := range map[string]struct {
		change func(*imagetest.Config)
		want   error
	}{
		"good":          {func(*imagetest.Config) {}, nil},
		"default":       {func(c *imagetest.Config) { c.Image = engine.ImageName }, nil},
		"no image":      {func(c *imagetest.Config) { c.Image = "" }, imagetest.ErrConfig},
		"missing image": {func(c *imagetest.Config) { c.Image = filepath.Join(here, "x") }, fs.ErrNotExist},
		"missing model": {func(c *imagetest.Config) { c.Model = filepath.Join(here, "x") }, fs.ErrNotExist},
		"adapter":       {func(c *imagetest.Config) { c.Adapter = "x" }, imagetest.ErrConfig},
		"none at once":  {func(c *imagetest.Config) { c.Parallel = 0 }, imagetest.ErrConfig},
		"context":       {func(c *imagetest.Config) { c.Context = -1 }, imagetest.ErrConfig},
		"no time":       {func(c *imagetest.Config) { c.Each = 0 }, imagetest.ErrConfig},
	} {
		cfg := imagetest.Default()
		cfg.Image = here
		c.change(&cfg)
		if err := cfg.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestNoCard(t *testing.T) {
	cfg := imagetest.Default()
	cfg.Program, cfg.Image = program(t), engine.ImageName
	cfg.GPUs = gpu.Request{IDs: []string{"GPU-that-nobody-has"}}
	if _, err := imagetest.Run(t.Context(), cfg); !errors.Is(err, gpu.ErrNoGPU) {
		t.Errorf("%v", err)
	}
}
