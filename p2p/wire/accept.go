package wire

import (
	"strings"

	"infernet.tech/infernet/p2p/identity"
)

// Limits of an Accept.
const (
	MaxArgs     = 64      // arguments of a task
	MaxArgBytes = 4 << 10 // one argument, or the value of one variable
	MaxEnv      = 64      // environment variables of a task
	MaxSources  = 16      // peers to fetch content from
)

// Accept takes a Quote up: it gives the provider one attempt at one shard.
// Sending it again asks for the same attempt, not for another.
type Accept struct {
	Quote   ID // id of the Quote's document
	Job     ID
	Shard   uint32 // from 0
	Attempt uint32 // from 0, counted over all providers of the shard

	Image      string // OCI manifest digest, sha256:…
	ImageCID   string // the image's OCI layout; may be empty
	ModelCID   string // may be empty
	InputCID   string // may be empty
	ImageBytes uint64 // sizes bound what a fetch may take
	ModelBytes uint64
	InputBytes uint64

	Args []string
	Env  [][2]string // name and value
	Seed uint64

	Units  uint64 // units of work in this shard
	Amount uint64 // what a good result earns, in Unit
	Unit   string
	Rail   string

	CPUMillis   uint64 // thousandths of a core
	MemoryBytes uint64
	DiskBytes   uint64
	PIDs        uint32
	GPUs        uint32
	TimeoutMS   uint64 // wall clock of the task
	Deadline    int64  // for the commit, unix seconds

	Sources []identity.PubKey // peers that hold image, model and input
}

// Kind returns KindAccept.
func (Accept) Kind() Kind { return KindAccept }

func (m Accept) write(c codec) { m.walk(c) }

func (m *Accept) walk(c codec) {
	c.id("quote", &m.Quote)
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.str("image", &m.Image)
	c.opt().str("image_cid", &m.ImageCID)
	c.opt().str("model_cid", &m.ModelCID)
	c.opt().str("input_cid", &m.InputCID)
	c.opt().u64("image_size", &m.ImageBytes)
	c.opt().u64("model_size", &m.ModelBytes)
	c.opt().u64("input_size", &m.InputBytes)
	c.list("args", &m.Args)
	c.pairs("env", &m.Env)
	c.u64("seed", &m.Seed)
	c.u64("units", &m.Units)
	c.u64("amount", &m.Amount)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.opt().u64("cpu", &m.CPUMillis)
	c.opt().u64("mem", &m.MemoryBytes)
	c.opt().u64("disk", &m.DiskBytes)
	c.opt().u32("pids", &m.PIDs)
	c.opt().u32("gpus", &m.GPUs)
	c.u64("timeout", &m.TimeoutMS)
	c.i64("deadline", &m.Deadline)
	c.pubs("sources", &m.Sources)
}

// Validate checks every field against its limit.
func (m Accept) Validate() error {
	var c checks
	c.id("quote", m.Quote)
	c.slot(m.Job, m.Shard, m.Attempt)
	c.digest("image", m.Image)
	c.cidOr("image_cid", m.ImageCID)
	c.cidOr("model_cid", m.ModelCID)
	c.cidOr("input_cid", m.InputCID)
	c.max("image_size", m.ImageBytes, maxBytes)
	c.max("model_size", m.ModelBytes, maxBytes)
	c.max("input_size", m.InputBytes, maxBytes)
	c.count("args", len(m.Args), MaxArgs)
	for _, a := range m.Args[:min(len(m.Args), MaxArgs)] {
		c.argument("args", a)
	}
	c.env(m.Env)
	c.max("units", m.Units, maxAmount)
	c.max("amount", m.Amount, maxAmount)
	c.money(m.Unit, m.Rail)
	c.resources(m.CPUMillis, m.MemoryBytes, m.DiskBytes, m.PIDs, m.GPUs)
	c.that(m.TimeoutMS > 0, "timeout", "is zero")
	c.max("timeout", m.TimeoutMS, maxDurationMS)
	c.unix("deadline", m.Deadline)
	unique(&c, "sources", m.Sources, MaxSources)
	return c.err()
}

// argument checks text for a task: printable, with line breaks and tabs, since
// a prompt may be one.
func (c *checks) argument(field, s string) {
	c.that(len(s) <= MaxArgBytes, field, "has an element that is too long")
	c.that(len(s) > MaxArgBytes || printable(s, "\n\t"), field, "has an element that is not printable text")
}

// env checks variables: POSIX names, each once.
func (c *checks) env(env [][2]string) {
	c.count("env", len(env), MaxEnv)
	seen := make(map[string]bool, min(len(env), MaxEnv))
	for _, e := range env[:min(len(env), MaxEnv)] {
		c.that(isEnvName(e[0]) && !seen[e[0]], "env", "has a malformed or repeated name")
		c.argument("env", e[1])
		seen[e[0]] = true
	}
}

func isEnvName(s string) bool {
	if s == "" || len(s) > maxName || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r >= 0x80 || !alphanumeric(byte(r)))
	}) < 0
}
