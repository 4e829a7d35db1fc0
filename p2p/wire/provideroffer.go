package wire

import (
	"strconv"

	"github.com/multiformats/go-multiaddr"
)

// Limits of the lists of a ProviderOffer.
const (
	maxOfferGPUs  = 16
	maxOfferRates = 8
	maxOfferList  = 64
	maxAddrs      = 32
	maxAddr       = 512
	// Each row is a tag: with every list full an offer still fits MaxTags.
	maxServed  = 16
	maxBenches = 6
)

// GPU is one graphics processor of a provider.
type GPU struct {
	Name      string // as its driver says it
	VRAMBytes uint64
	UUID      string // may be empty
}

// Hardware is what a provider says it has.
type Hardware struct {
	OS          string // as Go names it: linux
	Arch        string // as Go names it: amd64
	CPUModel    string // may be empty
	Cores       uint32
	MemoryBytes uint64
	DiskBytes   uint64 // free for tasks
	GPUs        []GPU
}

// UnitRate is a Rate and the unit it is in.
type UnitRate struct {
	Unit    string
	Base    uint64 // for each shard
	PerUnit uint64 // for each unit of work
}

// Served is one model that a provider answers requests to.
type Served struct {
	Name     string // what requests call it, at most MaxModelName bytes
	Model    string // CID
	Image    string // the engine's OCI manifest digest, sha256:…
	Unit     string
	In       uint64 // per million prompt tokens, in Unit
	Out      uint64 // per million completion tokens, in Unit
	Context  uint32 // tokens; 0: not told
	TPSMilli uint64 // tokens a second of one stream, times 1000, as measured; 0: not yet
	TTFTMS   uint64 // until the first token, as measured; 0: not yet
	Parallel uint32 // requests answered at once
}

// Bench is one thing that a provider measured on itself.
type Bench struct {
	Name  string // such as tokens/demo
	Value uint64 // in thousandths of Unit
	Unit  string // such as tokens/s
	At    int64  // unix seconds
}

// ProviderOffer is a provider's standing description of itself. It is
// addressable by network (NIP-01): the newest of an author replaces the rest.
type ProviderOffer struct {
	Network   string // which network the offer is for
	Class     string // hardware class; equal classes give equal bits
	Hardware  Hardware
	Isolation []string // sandbox tiers, such as runc
	Rails     []string // how it may be paid
	Rates     []UnitRate
	Serves    []Served // models it answers requests to
	Benches   []Bench  // what it measured on itself
	Models    []string // CIDs it holds
	Images    []string // OCI manifest digests it holds
	Roles     []string
	Slots     uint32 // shards it runs at once when idle
	Version   string // of its software
	Addrs     []string
	Operator  string // JSON of the OperatorBinding that names the author; may be empty
}

// Kind returns KindProviderOffer.
func (ProviderOffer) Kind() Kind { return KindProviderOffer }

func (m ProviderOffer) write(c codec) { m.walk(c) }

func (m *ProviderOffer) walk(c codec) {
	c.str("d", &m.Network)
	c.opt().str("class", &m.Class)
	c.str("os", &m.Hardware.OS)
	c.str("arch", &m.Hardware.Arch)
	c.opt().str("cpu_model", &m.Hardware.CPUModel)
	c.u32("cores", &m.Hardware.Cores)
	c.u64("mem", &m.Hardware.MemoryBytes)
	c.u64("disk", &m.Hardware.DiskBytes)
	rows(c, "gpu", 3, &m.Hardware.GPUs, gpuRow, parseGPU)
	c.list("isolation", &m.Isolation)
	c.list("rails", &m.Rails)
	rows(c, "rate", 3, &m.Rates, rateRow, parseRate)
	rows(c, "serve", 10, &m.Serves, servedRow, parseServed)
	rows(c, "bench", 4, &m.Benches, benchRow, parseBench)
	c.list("models", &m.Models)
	c.list("images", &m.Images)
	c.list("roles", &m.Roles)
	c.u32("slots", &m.Slots)
	c.opt().str("version", &m.Version)
	c.list("addrs", &m.Addrs)
	c.opt().str("operator", &m.Operator)
}

func gpuRow(g GPU) []string {
	return []string{g.Name, strconv.FormatUint(g.VRAMBytes, 10), g.UUID}
}

func parseGPU(c codec, s []string) GPU {
	return GPU{Name: s[0], VRAMBytes: c.parseUint("gpu", s[1], 64), UUID: s[2]}
}

func rateRow(r UnitRate) []string {
	return []string{r.Unit, strconv.FormatUint(r.Base, 10), strconv.FormatUint(r.PerUnit, 10)}
}

func parseRate(c codec, s []string) UnitRate {
	return UnitRate{Unit: s[0], Base: c.parseUint("rate", s[1], 64), PerUnit: c.parseUint("rate", s[2], 64)}
}

// Validate checks every field against its limit.
func (m ProviderOffer) Validate() error {
	var c checks
	c.token("network", m.Network)
	c.tokenOr("class", m.Class)
	m.Hardware.check(&c)
	c.tokens("isolation", m.Isolation, maxOfferList)
	c.tokens("rails", m.Rails, maxOfferList)
	c.count("rates", len(m.Rates), maxOfferRates)
	for _, r := range m.Rates[:min(len(m.Rates), maxOfferRates)] {
		c.token("rates", r.Unit)
		c.max("rates", r.Base, maxAmount)
		c.max("rates", r.PerUnit, maxAmount)
	}
	c.served(m.Serves, m.Benches)
	c.count("models", len(m.Models), maxOfferList)
	for _, s := range m.Models[:min(len(m.Models), maxOfferList)] {
		c.cid("models", s)
	}
	c.count("images", len(m.Images), maxOfferList)
	for _, s := range m.Images[:min(len(m.Images), maxOfferList)] {
		c.digest("images", s)
	}
	c.tokens("roles", m.Roles, maxOfferList)
	c.max("slots", uint64(m.Slots), maxShards)
	c.text("version", m.Version, maxName)
	c.addrs(m.Addrs)
	c.operator(m.Operator)
	return c.err()
}

func (h Hardware) check(c *checks) {
	c.token("os", h.OS)
	c.token("arch", h.Arch)
	c.text("cpu_model", h.CPUModel, maxName)
	c.max("cores", uint64(h.Cores), maxCPUMillis/1000)
	c.max("mem", h.MemoryBytes, maxBytes)
	c.max("disk", h.DiskBytes, maxBytes)
	c.count("gpus", len(h.GPUs), maxOfferGPUs)
	for _, g := range h.GPUs[:min(len(h.GPUs), maxOfferGPUs)] {
		c.text("gpu name", g.Name, maxName)
		c.max("gpu vram", g.VRAMBytes, maxBytes)
		c.tokenOr("gpu uuid", g.UUID)
	}
}

func (c *checks) addrs(addrs []string) {
	c.count("addrs", len(addrs), maxAddrs)
	for _, s := range addrs[:min(len(addrs), maxAddrs)] {
		ok := len(s) <= maxAddr
		if ok {
			_, err := multiaddr.NewMultiaddr(s)
			ok = err == nil
		}
		c.that(ok, "addrs", "has an element that is not a multiaddr")
	}
}
