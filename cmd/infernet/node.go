package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/payments"
)

func nodeCmd(a *app) *cobra.Command {
	var set settings
	var file string
	var logJSON, verbose bool
	c := &cobra.Command{
		Use: "node", Short: "run a node until it is stopped",
		Long: `Run a node in the foreground. Without a role it serves its owner alone (client); the
provider role runs other people's tasks in containers and needs Linux and root; with
--serve it also answers prompts to a model from a warm engine, paid by the token; the
aggregator role takes whole jobs for others; the validator role computes what others
dispute about, for the same price whatever it finds, and goes with no provider; the relay
role helps nodes behind routers. --validators names those whose word decides the disputes
of your own jobs: run one, or take a friend's. --pay chooses the rail that your own requests
to models are paid on; lightning and polygon need a wallet (infernet wallet connect).
Settings come from flags, else from config.yaml in the home (same names), else they are
the defaults. Ctrl-C stops it cleanly; once more ends it at once. With --json one
document {npub, home, api, pid} is printed when the local API answers.`,
		Example: "  infernet node\n  sudo infernet node --role provider --price 2\n  sudo infernet node --serve demo\n  infernet node --role aggregator,relay --bootstrap /ip4/…/p2p/…\n  sudo infernet node --role validator --validator-price 10",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, must := configPath(a.home), false
			if file != "" {
				path, must = file, true
			}
			saved, err := readSettings(path, must)
			if err != nil {
				return err
			}
			cfg, err := set.given(cmd.Flags()).over(saved).config(a.home)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			devnet.WatchLifeline(cancel)
			return a.runNode(ctx, cfg, a.logger(logJSON, verbose))
		},
	}
	set.flags(c.Flags())
	c.Flags().StringVar(&file, "config", "", "settings file (default HOME/config.yaml, if there)")
	c.Flags().BoolVar(&logJSON, "log-json", false, "write the log as JSON")
	c.AddCommand(nodeBenchCmd(a))
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "write debug messages too")
	return c
}

// config is the node's defaults with the settings over them.
func (s settings) config(home string) (node.Config, error) {
	cfg := node.DefaultConfig(home)
	cfg.Version = buildVersion().Version
	set(&cfg.Network, s.Network)
	set(&cfg.MDNS, s.MDNS)
	set(&cfg.API, s.API)
	set(&cfg.IdleExit, s.IdleExit)
	set(&cfg.CreditLimit, s.Credit)
	set(&cfg.Pay, s.Pay)
	set(&cfg.Provider.Slots, s.Slots)
	set(&cfg.Provider.ContainerdSocket, s.Containerd)
	set(&cfg.Provider.BinDir, s.BinDir)
	set(&cfg.Provider.Cheat, s.Cheat)
	cfg.Listen = firstList(s.Listen, cfg.Listen)
	cfg.Bootstrap = firstList(s.Bootstrap, cfg.Bootstrap)
	cfg.Relays = firstList(s.Relays, cfg.Relays)
	if s.Roles != nil {
		cfg.Roles = nil
		for _, r := range s.Roles {
			cfg.Roles = append(cfg.Roles, node.Role(strings.TrimSpace(r)))
		}
	}
	cfg.Trust.Validators = firstList(s.Validators, cfg.Trust.Validators)
	set(&cfg.Trust.AuditAnswers, s.AuditAnswers)
	return cfg, errors.Join(s.priced(&cfg), s.models(&cfg), s.kept(&cfg.Content))
}

// priced sets what the node asks for its work. A validator's work has one price
// and no other.
func (s settings) priced(cfg *node.Config) error {
	p, m := &cfg.Provider, &cfg.Provider.Models
	for _, one := range []struct {
		name    string
		text    prices
		credits *uint64
		money   *[]payments.Amount
	}{
		{"price", s.Price, &p.Price, &p.Prices},
		{"validator-price", s.ValidatorPrice, &cfg.Trust.ValidatorPrice, &cfg.Trust.ValidatorPrices},
		{"price-in", s.PriceIn, &m.In, &m.PricesIn},
		{"price-out", s.PriceOut, &m.Out, &m.PricesOut},
	} {
		credits, money, err := one.text.amounts(one.name)
		if err != nil {
			return err
		}
		set(one.credits, credits)
		*one.money = money
	}
	return nil
}

// kept sets what the node keeps and gives to others.
func (s settings) kept(c *node.ContentConfig) error {
	set(&c.Private, s.Private)
	set(&c.Price, s.ContentPrice)
	set(&c.MaxPrice, s.ContentMax)
	set(&c.Mirror, s.Mirror)
	c.Publishers = firstList(s.Publishers, c.Publishers)
	for _, size := range []struct {
		name string
		text *string
		into *uint64
	}{
		{"quota", s.Quota, &c.Quota},
		{"upload-rate", s.UploadRate, &c.Rate},
		{"upload-rate-peer", s.PeerRate, &c.PeerRate},
		{"upload-cap", s.UploadCap, &c.DailyCap},
	} {
		if size.text == nil {
			continue
		}
		var ok bool
		if *size.into, ok = job.ParseBytes(*size.text); !ok {
			return failf(exitUsage, "write it with its unit: 50MiB", "%s: %.40q is no size", size.name, *size.text)
		}
	}
	return nil
}

// models sets what a provider serves. Who says what to serve and no role means
// to be a provider.
func (s settings) models(cfg *node.Config) error {
	m := &cfg.Provider.Models
	set(&m.Engine, s.Engine)
	set(&m.Adapter, s.Adapter)
	set(&m.GPUs, s.GPUs)
	set(&m.Parallel, s.Parallel)
	set(&m.Context, s.Context)
	set(&m.Threads, s.Threads)
	set(&m.Idle, s.EngineIdle)
	if s.Memory != nil {
		var ok bool
		if m.Memory, ok = job.ParseBytes(*s.Memory); !ok {
			return failf(exitUsage, "write it with its unit: 24GiB", "engine-memory: %.40q is no size", *s.Memory)
		}
	}
	for _, what := range s.Serve {
		m.Serve = append(m.Serve, absoluteFile(what))
	}
	if len(m.Serve) > 0 && s.Roles == nil {
		cfg.Roles = []node.Role{node.RoleProvider}
	}
	return nil
}

// absoluteFile makes the path in NAME=FILE or FILE absolute where there is such
// a file; anything else is a name or a CID and stays.
func absoluteFile(what string) string {
	name, path, named := strings.Cut(what, "=")
	if !named {
		name, path = "", what
	}
	// A bare word is a name, whatever lies in the folder one happens to be in.
	if !strings.ContainsRune(path, filepath.Separator) && !strings.HasSuffix(path, ".gguf") {
		return what
	}
	if _, err := os.Stat(path); err != nil {
		return what
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return what
	}
	if named {
		return name + "=" + abs
	}
	return abs
}

func set[T any](into *T, from *T) {
	if from != nil {
		*into = *from
	}
}

// runNode opens the key, or makes one, and runs the node.
func (a *app) runNode(ctx context.Context, cfg node.Config, log *slog.Logger) error {
	// A faulty configuration is told before anything is made.
	served := api.Config{Home: cfg.Home, Addr: cfg.API, IdleExit: cfg.IdleExit}
	if err := errors.Join(cfg.Validate(), served.Validate()); err != nil {
		return failf(exitUsage, "infernet help node", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if err := a.makeHome(); err != nil {
		return err
	}
	secret, err := a.passphraseOf(a.keyPath(), "node key")
	if err != nil {
		return err
	}
	// Nothing that the node starts shall inherit it.
	if err := os.Unsetenv(passphraseEnv); err != nil {
		return err
	}
	cfg.Passphrase = secret
	if k, err := a.newKey(nil); err == nil {
		a.sayf("made a node key: %s (keep a copy of %s)", k.PubKey(), a.keyPath())
	} else if !errors.Is(err, os.ErrExist) {
		return err
	}
	n, err := node.New(cfg, log)
	if err != nil {
		return err
	}
	if a.json {
		watch, stop := context.WithCancel(ctx)
		defer stop()
		go a.announce(watch)
	}
	err = n.Run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// announce prints the document of node --json once this process answers.
func (a *app) announce(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c, err := a.running(ctx)
		if err != nil || c.PID() != os.Getpid() {
			continue
		}
		if s, err := c.Status(ctx); err == nil {
			_ = a.document(map[string]any{"npub": s.NPub, "home": a.home, "api": c.Addr(), "pid": c.PID()})
			return
		}
	}
}

// logger writes to stderr; the level is info unless asked.
func (a *app) logger(asJSON, verbose bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		opts.Level = slog.LevelDebug
	}
	if asJSON {
		return slog.New(slog.NewJSONHandler(a.err, opts))
	}
	return slog.New(slog.NewTextHandler(a.err, opts))
}
