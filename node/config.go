package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/node/provider"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
)

// Config is everything an operator decides about one node.
type Config struct {
	Home       string // folder of the key, the database and the content
	Network    string // nodes of different networks never meet
	Roles      []Role
	Passphrase []byte // of an encrypted key file; nil otherwise
	Version    string

	Listen    []string // multiaddrs; none: those of DefaultListen
	Bootstrap []string // multiaddrs with /p2p/, tried until one answers
	Relays    []string // likewise, used when this node cannot be reached
	MDNS      bool     // find nodes on the local network

	API      string        // loopback host:port of the local API
	IdleExit time.Duration // stop when unused for so long; 0 never

	CreditLimit uint64 // how much each peer may owe this node, in credits
	Pay         string // rail that this node's own requests to models are paid on; "" is credit

	Content ContentConfig
	Trust   TrustConfig

	Provider ProviderConfig
}

// ProviderConfig is what the provider role adds.
type ProviderConfig struct {
	Price            uint64            // credits per unit of work
	Prices           []payments.Amount // the same in units of money
	Slots            int               // attempts run at once
	ContainerdSocket string            // "" starts a private containerd
	BinDir           string            // of containerd, shim and runc; "" beside this executable
	Cheat            string            // devnets only: one of package provider's, or CheatSwap and a file

	Models ModelsConfig
}

// ModelsConfig says which models a provider serves from warm engines, and how.
type ModelsConfig struct {
	Serve               []string          // each NAME, FILE, CID, NAME=FILE or NAME=CID; none: no engine is run
	Engine              string            // image by name, digest or CID; "" is the default engine
	Adapter             string            // how an engine is started whose image does not say it; "" reads the image
	GPUs                string            // as docker's --gpus has it; "" none
	In, Out             uint64            // credits per million tokens read and written
	PricesIn, PricesOut []payments.Amount // the same in units of money
	Parallel            int               // requests that one engine answers at once
	Context             int               // tokens of prompt and answer; 0: the model's own, up to maxContext
	Threads             int               // of one engine; 0: all cores but one
	Memory              uint64            // bytes of all engines together; 0: three quarters of the machine's
	Idle                time.Duration     // an engine unused for so long is stopped; 0 never
}

// DefaultNetwork is the network that nodes join when nothing else is said.
const DefaultNetwork = "testnet"

// DefaultConfig is what a node at home does when nothing else is said.
func DefaultConfig(home string) Config {
	return Config{
		Home:    home,
		Network: DefaultNetwork,
		Roles:   []Role{RoleClient},
		MDNS:    true,
		API:     "127.0.0.1:0",
		// Enough for a first job of a stranger, little enough to lose.
		CreditLimit: 10_000,
		Pay:         credit.Name,
		Content:     ContentConfig{Mirror: MirrorAddr},
		Trust:       TrustConfig{ValidatorPrice: DefaultValidatorPrice, AuditAnswers: true},
		Provider: ProviderConfig{
			Price: 1, Slots: max(1, runtime.NumCPU()),
			// Reading is a third of writing's price: prompts are read many tokens at a time.
			Models: ModelsConfig{In: 1000, Out: 3000, Parallel: 8},
		},
	}
}

// DefaultListen is where a node listens when nothing else is said: on a port
// that others can be told, or on any for a node that only uses the network.
func DefaultListen(roles []Role) []string {
	if slices.Equal(roles, []Role{RoleClient}) {
		return []string{"/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"}
	}
	return p2p.Default(DefaultNetwork).Listen
}

var networkForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Devnet tells whether a network is a private one for tests and research,
// where nodes may be told to cheat.
func Devnet(network string) bool { return strings.HasPrefix(network, "devnet") }

// CheatSwap before a model's file has a provider answer with that model whatever
// it says that it serves: a smaller one is cheaper to run.
const CheatSwap = "swap="

func (p ProviderConfig) validCheat() error {
	file, swaps := strings.CutPrefix(p.Cheat, CheatSwap)
	if !swaps {
		return provider.Cheat(p.Cheat).Validate()
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("cheat: %w", err)
	}
	return nil
}

// ErrCheat is returned for a node told to cheat on a network of others.
var ErrCheat = errors.New("cheating is possible on devnets only (networks whose name begins with \"devnet\")")

// Validate tells everything that is wrong at once.
func (c Config) Validate() error {
	var errs []error
	if c.Home == "" {
		errs = append(errs, errors.New("no home folder"))
	}
	if !networkForm.MatchString(c.Network) {
		errs = append(errs, fmt.Errorf("network %q: use lower-case letters, digits and '-'", c.Network))
	}
	for _, r := range c.Roles {
		errs = append(errs, r.Validate())
	}
	if len(c.Roles) == 0 {
		errs = append(errs, errors.New("no role"))
	}
	if c.has(RoleProvider) && c.has(RoleValidator) {
		errs = append(errs, errors.New("role validator beside provider: who sells the same work would judge its competitors; run two nodes"))
	}
	if c.works() && (c.Provider.Slots < 1 || c.Provider.Slots > 1024) {
		errs = append(errs, fmt.Errorf("slots: %d is not between 1 and 1024", c.Provider.Slots))
	}
	if c.Provider.Cheat != "" && !Devnet(c.Network) {
		errs = append(errs, fmt.Errorf("network %q: %w", c.Network, ErrCheat))
	}
	errs = append(errs, c.Provider.validCheat(), c.Content.validate(), c.Trust.validate(), validPay(c.Pay))
	if len(c.Provider.Models.Serve) > 0 {
		errs = append(errs, c.Provider.Models.validate(), c.servesAsProvider())
	}
	if _, err := gpu.ParseRequest(c.Provider.Models.GPUs); err != nil {
		errs = append(errs, fmt.Errorf("gpus: %w", err))
	}
	return errors.Join(errs...)
}

func (c Config) servesAsProvider() error {
	if c.has(RoleProvider) {
		return nil
	}
	return errors.New("serve: only the provider role serves models")
}

// Bounds of what an operator may say about engines.
const (
	maxServed   = 32
	maxContext  = 8192 // what an engine is given when nobody says more: memory grows with it
	mostContext = 1 << 20
	mostRate    = 1 << 40 // credits per million tokens
)

func (m ModelsConfig) validate() error {
	var errs []error
	if len(m.Serve) > maxServed {
		errs = append(errs, fmt.Errorf("serve: %d models, at most %d", len(m.Serve), maxServed))
	}
	for _, what := range m.Serve {
		if name, ref, named := strings.Cut(what, "="); name == "" || named && ref == "" {
			errs = append(errs, fmt.Errorf("serve: %.80q: write NAME, FILE, CID or NAME=FILE", what))
		}
	}
	if m.Parallel < 1 || m.Parallel > 256 {
		errs = append(errs, fmt.Errorf("parallel: %d is not between 1 and 256", m.Parallel))
	}
	if m.Context < 0 || m.Context > mostContext {
		errs = append(errs, fmt.Errorf("context: %d is not between 0 and %d", m.Context, mostContext))
	}
	if m.Threads < 0 || m.Threads > 1024 {
		errs = append(errs, fmt.Errorf("threads: %d is not between 0 and 1024", m.Threads))
	}
	if max(m.In, m.Out) > mostRate {
		errs = append(errs, fmt.Errorf("price-in, price-out: at most %d credits per million tokens", uint64(mostRate)))
	}
	if m.Idle < 0 {
		errs = append(errs, fmt.Errorf("engine-idle: %v is no time", m.Idle))
	}
	if _, ok := engine.AdapterOf(m.Adapter); m.Adapter != "" && !ok {
		errs = append(errs, fmt.Errorf("engine-adapter: %.40q is none of %s", m.Adapter, strings.Join(engine.Adapters(), ", ")))
	}
	return errors.Join(errs...)
}

// works tells whether this node runs others' tasks.
func (c Config) works() bool { return c.has(RoleProvider) || c.has(RoleValidator) }

func (c Config) has(r Role) bool {
	return slices.Contains(c.Roles, r)
}

func (c Config) path(elem ...string) string {
	return filepath.Join(append([]string{c.Home}, elem...)...)
}

// KeyPath is the node key's file.
func KeyPath(home string) string { return filepath.Join(home, "key") }

// rates are the prices for everything that this node does for others, in each
// unit it takes. A validator's is the same for much work and little, and for
// every verdict.
func (c Config) rates() map[payments.Unit]payments.Rate {
	of := func(a payments.Amount) payments.Rate {
		if c.has(RoleValidator) {
			return payments.Rate{Base: a.Value, Unit: a.Unit}
		}
		return payments.Rate{PerUnit: a.Value, Unit: a.Unit}
	}
	own, money := payments.Amount{Value: c.Provider.Price, Unit: payments.Credits}, c.Provider.Prices
	if c.has(RoleValidator) {
		own.Value, money = c.Trust.ValidatorPrice, c.Trust.ValidatorPrices
	}
	out := map[payments.Unit]payments.Rate{own.Unit: of(own)}
	for _, a := range money {
		out[a.Unit] = of(a)
	}
	return out
}

// rates are what a million tokens cost, in credits first. A unit with a price
// for one way alone costs nothing the other.
func (m ModelsConfig) rates() []payments.TokenRate {
	out := []payments.TokenRate{{In: m.In, Out: m.Out, Unit: payments.Credits}}
	at := func(u payments.Unit) *payments.TokenRate {
		for i := range out {
			if out[i].Unit == u {
				return &out[i]
			}
		}
		out = append(out, payments.TokenRate{Unit: u})
		return &out[len(out)-1]
	}
	for _, a := range m.PricesIn {
		at(a.Unit).In = a.Value
	}
	for _, a := range m.PricesOut {
		at(a.Unit).Out = a.Value
	}
	return out
}
