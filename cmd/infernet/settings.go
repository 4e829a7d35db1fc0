package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"infernet.tech/infernet/node"
)

// settings are what a person decides about the node, as flags and as the keys
// of config.yaml. Pointers and nil slices are what was not said; a flag wins
// over the file, the file over the node's default.
type settings struct {
	Network    *string        `yaml:"network,omitempty"`
	Roles      []string       `yaml:"role,omitempty"`
	Listen     []string       `yaml:"listen,omitempty"`
	Bootstrap  []string       `yaml:"bootstrap,omitempty"`
	Relays     []string       `yaml:"relay,omitempty"`
	MDNS       *bool          `yaml:"mdns,omitempty"`
	API        *string        `yaml:"api,omitempty"`
	IdleExit   *time.Duration `yaml:"idle-exit,omitempty"`
	Price      prices         `yaml:"price,omitempty"`
	Slots      *int           `yaml:"slots,omitempty"`
	Credit     *uint64        `yaml:"credit-limit,omitempty"`
	Pay        *string        `yaml:"pay,omitempty"`
	Containerd *string        `yaml:"containerd-socket,omitempty"`
	BinDir     *string        `yaml:"bin-dir,omitempty"`
	Cheat      *string        `yaml:"cheat,omitempty"`

	Serve      []string       `yaml:"serve,omitempty"`
	Engine     *string        `yaml:"engine,omitempty"`
	Adapter    *string        `yaml:"engine-adapter,omitempty"`
	GPUs       *string        `yaml:"gpus,omitempty"`
	PriceIn    prices         `yaml:"price-in,omitempty"`
	PriceOut   prices         `yaml:"price-out,omitempty"`
	Parallel   *int           `yaml:"parallel,omitempty"`
	Context    *int           `yaml:"context,omitempty"`
	Threads    *int           `yaml:"threads,omitempty"`
	Memory     *string        `yaml:"engine-memory,omitempty"`
	EngineIdle *time.Duration `yaml:"engine-idle,omitempty"`

	Quota        *string  `yaml:"quota,omitempty"`
	Private      *bool    `yaml:"private,omitempty"`
	UploadRate   *string  `yaml:"upload-rate,omitempty"`
	PeerRate     *string  `yaml:"upload-rate-peer,omitempty"`
	UploadCap    *string  `yaml:"upload-cap,omitempty"`
	ContentPrice *uint64  `yaml:"content-price,omitempty"`
	ContentMax   *uint64  `yaml:"max-content-price,omitempty"`
	Mirror       *string  `yaml:"mirror,omitempty"`
	Publishers   []string `yaml:"publisher,omitempty"`

	Validators     []string `yaml:"validators,omitempty"`
	AuditAnswers   *bool    `yaml:"audit-answers,omitempty"`
	ValidatorPrice prices   `yaml:"validator-price,omitempty"`
}

func configPath(home string) string { return filepath.Join(home, "config.yaml") }

// flags adds a flag for each setting; a flag that is not given leaves it nil.
func (s *settings) flags(f *pflag.FlagSet) {
	s.Network = f.String("network", "", "network to join; nodes of different networks never meet")
	f.StringSliceVar(&s.Roles, "role", nil, "client, provider, aggregator, validator, relay (repeatable, or with commas)")
	f.StringSliceVar(&s.Listen, "listen", nil, "multiaddr to listen on (repeatable)")
	f.StringSliceVar(&s.Bootstrap, "bootstrap", nil, "multiaddr with /p2p/ of a node to join through (repeatable)")
	f.StringSliceVar(&s.Relays, "relay", nil, "multiaddr with /p2p/ of a relay to be reachable through (repeatable)")
	s.MDNS = f.Bool("mdns", true, "find nodes on the local network")
	s.API = f.String("api", "", "loopback host:port of the local API (default: a free port)")
	s.IdleExit = f.Duration("idle-exit", 0, "stop when nobody has used the node for so long (0: never)")
	f.StringSliceVar((*[]string)(&s.Price), "price", nil, "provider: price of a unit of work: 2 for credits, '500 msat', '0.0001 USDC' (repeatable, one a unit)")
	s.Slots = f.Int("slots", 0, "provider: tasks run at once")
	s.Credit = f.Uint64("credit-limit", 0, "credits that each peer may owe this node")
	s.Pay = f.String("pay", "", "rail that requests to models are paid on: credit, lightning or polygon (default credit)")
	s.Containerd = f.String("containerd-socket", "", "provider: use this containerd (default: a private one)")
	s.BinDir = f.String("bin-dir", "", "provider: folder of containerd, shim and runc")
	s.Cheat = f.String("cheat", "", "provider: be dishonest in this way, for research; networks named devnet… only")
	s.serving(f)
	s.content(f)
	s.trust(f)
}

// trust adds the flags of whose word is taken and what one's own costs.
func (s *settings) trust(f *pflag.FlagSet) {
	s.AuditAnswers = f.Bool("audit-answers", true, "have a share of the answers to your prompts checked by another provider, who then has read them too")
	f.StringSliceVar(&s.Validators, "validators", nil, "npub of a validator whose word decides disputes about this node's jobs (repeatable, or with commas)")
	f.StringSliceVar((*[]string)(&s.ValidatorPrice), "validator-price", nil, fmt.Sprintf("validator: price of one verdict, whatever it is, as --price has it (default %d)", node.DefaultValidatorPrice))
}

// content adds the flags of what a node keeps and gives to others.
func (s *settings) content(f *pflag.FlagSet) {
	s.Quota = f.String("quota", "", "most bytes of content kept, e.g. 200GiB; what was unused longest goes first (default: the disk's)")
	s.Private = f.Bool("private", false, "share no model and no image unless told to share that one")
	s.UploadRate = f.String("upload-rate", "", "most bytes a second to all peers together, e.g. 50MiB (default: unlimited)")
	s.PeerRate = f.String("upload-rate-peer", "", "most bytes a second to one peer (default: unlimited)")
	s.UploadCap = f.String("upload-cap", "", "most bytes a day to peers outside jobs, e.g. 100GiB (default: unlimited)")
	s.ContentPrice = f.Uint64("content-price", 0, "credits per GiB of content to peers outside jobs (0: free)")
	s.ContentMax = f.Uint64("max-content-price", 0, "credits per GiB that this node pays for content (0: only what is free)")
	s.Mirror = f.String("mirror", "", "loopback host:port of the mirror of container images, or off (default "+node.MirrorAddr+")")
	f.StringSliceVar(&s.Publishers, "publisher", nil, "npub whose images may be named without their npub (repeatable)")
}

// serving adds the flags of who serves models.
func (s *settings) serving(f *pflag.FlagSet) {
	f.StringSliceVar(&s.Serve, "serve", nil, "provider: model to serve, as NAME, FILE, CID or NAME=FILE (repeatable)")
	s.Engine = f.String("engine", "", "provider: engine image that serves the models (default infernet/llm)")
	s.Adapter = f.String("engine-adapter", "", "provider: how an engine is started whose image does not say: llama.cpp, vllm, sglang, ollama")
	s.GPUs = f.String("gpus", "", "provider: GPUs for the engines, as docker has it: all, 2, device=0,1")
	f.StringSliceVar((*[]string)(&s.PriceIn), "price-in", nil, "provider: price of a million tokens of prompts, as --price has it (repeatable, one a unit)")
	f.StringSliceVar((*[]string)(&s.PriceOut), "price-out", nil, "provider: price of a million tokens of answers, as --price has it (repeatable, one a unit)")
	s.Parallel = f.Int("parallel", 0, "provider: requests that an engine answers at once")
	s.Context = f.Int("context", 0, "provider: longest prompt and answer together, in tokens (0: the model's own, up to 8192)")
	s.Threads = f.Int("threads", 0, "provider: processor threads of an engine (0: all cores but one)")
	s.Memory = f.String("engine-memory", "", "provider: most memory of all engines together, e.g. 24GiB (default: three quarters of the machine's)")
	s.EngineIdle = f.Duration("engine-idle", 0, "provider: stop an engine that nobody has used for so long (0: never)")
}

// key is a field's name in config.yaml, which is its flag's too.
func key(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// given is s without the flags that were not on the command line.
func (s settings) given(f *pflag.FlagSet) settings {
	for field, v := range reflect.ValueOf(&s).Elem().Fields() {
		if !f.Changed(key(field)) {
			v.SetZero()
		}
	}
	return s
}

// over returns s with what it leaves open taken from below.
func (s settings) over(below settings) settings {
	from := reflect.ValueOf(below)
	for field, v := range reflect.ValueOf(&s).Elem().Fields() {
		if v.IsNil() {
			v.Set(from.FieldByIndex(field.Index))
		}
	}
	return s
}

func firstList(a, b []string) []string {
	if a != nil {
		return a
	}
	return b
}

// readSettings reads a config file strictly: an unknown key is an error that
// names its line. A missing file is empty settings unless must is set.
func readSettings(path string, must bool) (settings, error) {
	var s settings
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	defer func() { _ = f.Close() }()
	dec := yaml.NewDecoder(io.LimitReader(f, 1<<20))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		var te *yaml.TypeError
		text := err.Error()
		if errors.As(err, &te) {
			text = strings.Join(te.Errors, "; ")
		}
		return s, failf(exitUsage, "infernet help node lists the settings", "%s: %s", path, text)
	}
	return s, nil
}

// save writes the settings that were given as flags; without any, no file.
func (s settings) save(path string, f *pflag.FlagSet) error {
	raw, err := yaml.Marshal(s.given(f))
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	if strings.TrimSpace(string(raw)) == "{}" {
		return nil
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	_, werr := out.Write(raw)
	return errors.Join(werr, out.Close())
}
