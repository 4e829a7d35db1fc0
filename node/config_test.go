package node

import (
	"errors"
	"strings"
	"testing"
)

func TestConfigTellsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig("/home").Validate(); err != nil {
		t.Fatalf("the default: %v", err)
	}
	bad := DefaultConfig("")
	bad.Network, bad.Roles = "Not A Network", []Role{RoleProvider, "miner"}
	bad.Provider.Slots, bad.Provider.Cheat = 0, "sleep"
	err := bad.Validate()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{"home", "Not A Network", "miner", "slots", "sleep"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: says nothing of %q", err, want)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Config)
		ok     bool
	}{
		"no role":              {func(c *Config) { c.Roles = nil }, false},
		"many roles":           {func(c *Config) { c.Roles = []Role{RoleClient, RoleProvider, RoleAggregator, RoleRelay} }, true},
		"a judge who sells":    {func(c *Config) { c.Roles = allRoles }, false},
		"a judge":              {func(c *Config) { c.Roles = []Role{RoleValidator, RoleAggregator} }, true},
		"trust in a word":      {func(c *Config) { c.Trust.Validators = []string{"npub1nobody"} }, false},
		"slots of a client":    {func(c *Config) { c.Provider.Slots = 0 }, true},
		"too many slots":       {func(c *Config) { c.Roles, c.Provider.Slots = []Role{RoleValidator}, 1025 }, false},
		"cheat on a devnet":    {func(c *Config) { c.Network, c.Provider.Cheat = "devnet-7", "wrong" }, true},
		"swap nothing":         {func(c *Config) { c.Network, c.Provider.Cheat = "devnet-7", "swap=/nowhere" }, false},
		"cheat among others":   {func(c *Config) { c.Provider.Cheat = "wrong" }, false},
		"cheat on a lookalike": {func(c *Config) { c.Network, c.Provider.Cheat = "my-devnet", "wrong" }, false},
		"paying in money":      {func(c *Config) { c.Pay = "polygon" }, true},
		"paying on the usual":  {func(c *Config) { c.Pay = "" }, true},
		"paying in shells":     {func(c *Config) { c.Pay = "shells" }, false},
		"empty network":        {func(c *Config) { c.Network = "" }, false},
		"network of a path":    {func(c *Config) { c.Network = "../x" }, false},
	} {
		c := DefaultConfig("/home")
		tc.change(&c)
		if err := c.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := DefaultConfig("/home")
	c.Provider.Cheat = "wrong"
	if err := c.Validate(); !errors.Is(err, ErrCheat) {
		t.Errorf("cheating: %v", err)
	}
}

// A network's name must do for every part that is named after it.
func TestNetworkNamesFitThePeerToPeerLayer(t *testing.T) {
	t.Parallel()
	c := DefaultConfig("/home")
	for _, name := range []string{strings.Repeat("n", 32), strings.Repeat("n", 33), strings.Repeat("n", 63)} {
		c.Network = name
		n := &Node{cfg: c}
		cfg := n.p2pConfig()
		if here, there := c.Validate(), cfg.Validate(); (here == nil) != (there == nil) {
			t.Errorf("a name of %d letters: %v here, %v there", len(name), here, there)
		}
	}
}

// What an operator says about content is checked before anything is opened.
func TestContentConfig(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*ContentConfig){
		"content-price":    func(c *ContentConfig) { c.Price = 1 << 60 },
		"below 4096":       func(c *ContentConfig) { c.Rate = 100 },
		"upload-rate-peer": func(c *ContentConfig) { c.PeerRate = 1 },
		"HOST:PORT":        func(c *ContentConfig) { c.Mirror = "4590" },
		"this machine":     func(c *ContentConfig) { c.Mirror = "0.0.0.0:4590" },
		"no npub":          func(c *ContentConfig) { c.Publishers = []string{"somebody"} },
	} {
		c := DefaultConfig(t.TempDir())
		change(&c.Content)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := DefaultConfig(t.TempDir()).Validate(); err != nil {
		t.Error(err)
	}
}
