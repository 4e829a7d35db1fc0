package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"infernet.tech/infernet/node"
)

// parsed are the settings of a command line.
func parsed(t *testing.T, line ...string) (settings, *pflag.FlagSet) {
	t.Helper()
	var s settings
	f := pflag.NewFlagSet("node", pflag.ContinueOnError)
	s.flags(f)
	if err := f.Parse(line); err != nil {
		t.Fatal(err)
	}
	return s, f
}

// Every setting is a flag and a key of the file, of the same name, and can be
// left open.
func TestSettingsHaveFlags(t *testing.T) {
	t.Parallel()
	s, f := parsed(t)
	seen := map[string]bool{}
	for field, v := range reflect.ValueOf(s).Fields() {
		name := key(field)
		if name == "" || seen[name] || f.Lookup(name) == nil {
			t.Errorf("%s: no flag %q of its own", field.Name, name)
		}
		seen[name] = true
		if k := v.Kind(); k != reflect.Pointer && k != reflect.Slice {
			t.Errorf("%s: a %s cannot be left open", field.Name, k)
		}
		if !strings.HasSuffix(field.Tag.Get("yaml"), ",omitempty") {
			t.Errorf("%s is written although it was not said", field.Name)
		}
	}
	f.VisitAll(func(one *pflag.Flag) {
		if !seen[one.Name] {
			t.Errorf("--%s is no setting", one.Name)
		}
	})
}

func TestSettingsGivenAndOver(t *testing.T) {
	t.Parallel()
	s, f := parsed(t)
	for field, v := range reflect.ValueOf(s.given(f)).Fields() {
		if !v.IsNil() {
			t.Errorf("%s was not said", field.Name)
		}
	}
	s, f = parsed(t, "--mdns=false", "--slots", "0", "--serve", "demo", "--role", "provider,relay", "--price-out", "7")
	given := s.given(f)
	if given.Network != nil || given.MDNS == nil || *given.MDNS || given.Slots == nil || *given.Slots != 0 {
		t.Errorf("%+v", given)
	}
	if !slices.Equal(given.Roles, []string{"provider", "relay"}) || !slices.Equal(given.Serve, []string{"demo"}) {
		t.Errorf("%+v", given)
	}
	yes, name, slots := true, "devnet-x", 5
	below := settings{MDNS: &yes, Network: &name, Slots: &slots, Serve: []string{"other", "more"}, Relays: []string{"/a"}}
	got := given.over(below)
	switch {
	case *got.MDNS || *got.Slots != 0 || !slices.Equal(got.Serve, []string{"demo"}):
		t.Errorf("the file won over a flag: %+v", got)
	case *got.Network != name || !slices.Equal(got.Relays, below.Relays) || !slices.Equal(got.PriceOut, prices{"7"}):
		t.Errorf("what the flags left open is lost: %+v", got)
	case got.API != nil || got.Listen != nil:
		t.Errorf("invented: %+v", got)
	}
	if given.Network != nil || *below.MDNS != true {
		t.Error("over changed what it was made of")
	}
}

func TestSettingsOfModels(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s, f := parsed(t, "--serve", "demo", "--serve", "a=b", "--gpus", "all", "--engine", "e", "--engine-adapter", "vllm", "--price-in", "1",
		"--price-out", "2", "--parallel", "3", "--context", "4", "--threads", "5", "--engine-memory", "6GiB", "--engine-idle", "7m")
	cfg, err := s.given(f).config(home)
	if err != nil {
		t.Fatal(err)
	}
	want := node.ModelsConfig{
		Serve: []string{"demo", "a=b"}, Engine: "e", Adapter: "vllm", GPUs: "all", In: 1, Out: 2, Parallel: 3, Context: 4,
		Threads: 5, Memory: 6 << 30, Idle: 7 * time.Minute,
	}
	if !reflect.DeepEqual(cfg.Provider.Models, want) {
		t.Errorf("%+v", cfg.Provider.Models)
	}
	if !slices.Equal(cfg.Roles, []node.Role{node.RoleProvider}) {
		t.Errorf("roles %v", cfg.Roles)
	}
	s, f = parsed(t, "--serve", "demo", "--role", "relay")
	if cfg, err = s.given(f).config(home); err != nil || !slices.Equal(cfg.Roles, []node.Role{node.RoleRelay}) {
		t.Errorf("a role that was said: %v, %v", cfg.Roles, err)
	}
	s, f = parsed(t)
	if cfg, err = s.given(f).config(home); err != nil || !reflect.DeepEqual(cfg.Provider.Models, node.DefaultConfig(home).Provider.Models) {
		t.Errorf("nothing said: %+v, %v", cfg.Provider.Models, err)
	}
	s, f = parsed(t, "--engine-memory", "much")
	if _, err = s.given(f).config(home); err == nil || !strings.Contains(err.Error(), "engine-memory") {
		t.Errorf("%v", err)
	}
}

// Whose word is taken, and what one's own costs.
func TestSettingsOfTrust(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s, f := parsed(t, "--role", "validator", "--validators", someNpub+","+otherNpub, "--validator-price", "9")
	cfg, err := s.given(f).config(home)
	if err != nil || !slices.Equal(cfg.Trust.Validators, []string{someNpub, otherNpub}) || cfg.Trust.ValidatorPrice != 9 {
		t.Errorf("%+v, %v", cfg.Trust, err)
	}
	if err := cfg.Validate(); err != nil {
		t.Errorf("%v", err)
	}
	s, f = parsed(t)
	if cfg, err = s.given(f).config(home); err != nil || !reflect.DeepEqual(cfg.Trust, node.DefaultConfig(home).Trust) {
		t.Errorf("nothing said: %+v, %v", cfg.Trust, err)
	}
	s, f = parsed(t, "--role", "validator,provider")
	if cfg, err = s.given(f).config(home); err != nil || cfg.Validate() == nil {
		t.Errorf("a judge who sells: %v", err)
	}
}

// The rail on which requests to models are paid: the flag wins over the file.
func TestSettingsOfPaying(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("pay: polygon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	saved, err := readSettings(path, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line  []string
		below settings
		want  string
		ok    bool
	}{
		{nil, settings{}, "credit", true},
		{nil, saved, "polygon", true},
		{[]string{"--pay", "lightning"}, saved, "lightning", true},
		{[]string{"--pay", "shells"}, settings{}, "shells", false},
	} {
		s, f := parsed(t, c.line...)
		cfg, err := s.given(f).over(c.below).config(t.TempDir())
		if err != nil || cfg.Pay != c.want || (cfg.Validate() == nil) != c.ok {
			t.Errorf("%v: %q, %v, %v", c.line, cfg.Pay, err, cfg.Validate())
		}
	}
}

// What is in the file counts like flags, and a key that is none is told with
// its line.
func TestSettingsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("serve: [demo]\nengine-idle: 90s\nengine-memory: 2GiB\ngpus: device=0,1\n")
	s, err := readSettings(path, true)
	if err != nil || *s.EngineIdle != 90*time.Second || *s.Memory != "2GiB" || *s.GPUs != "device=0,1" || len(s.Serve) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	write("serve: [demo]\nengine-idel: 90s\n")
	if _, err := readSettings(path, true); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	// What was given as flags is read back as it was.
	s, f := parsed(t, "--serve", "demo,other", "--engine-idle", "1h", "--mdns=false")
	kept := filepath.Join(t.TempDir(), "config.yaml")
	if err := s.save(kept, f); err != nil {
		t.Fatal(err)
	}
	back, err := readSettings(kept, true)
	if err != nil || !reflect.DeepEqual(back, s.given(f)) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestAbsoluteFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"demo", "model.gguf", filepath.Join("sub", "weights")} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sub := "sub" + string(filepath.Separator) + "weights"
	for what, want := range map[string]string{
		"demo":                 "demo", // a name, whatever lies here
		"mine=demo":            "mine=demo",
		"model.gguf":           filepath.Join(at, "model.gguf"),
		"mine=model.gguf":      "mine=" + filepath.Join(at, "model.gguf"),
		sub:                    filepath.Join(at, sub),
		"x=" + sub:             "x=" + filepath.Join(at, sub),
		"absent.gguf":          "absent.gguf",
		"hub/name":             "hub/name",
		"=model.gguf":          "=" + filepath.Join(at, "model.gguf"),
		filepath.Join(at, sub): filepath.Join(at, sub),
	} {
		if got := absoluteFile(what); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
}
