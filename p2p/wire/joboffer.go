package wire

// JobOffer asks a provider for a quote on shards of a job. An aggregator says
// it on /infernet/quote/1; it binds nobody.
type JobOffer struct {
	Job           ID     // the job's name, drawn at random
	Name          string // what its owner calls it, for people; may be empty
	Image         string // OCI manifest digest, sha256:…
	ImageCID      string // the image's OCI layout; may be empty
	ModelCID      string // may be empty
	Comparator    string // how results are compared, such as exact
	Shards        uint32 // how many there are in all, 1 or more
	UnitsPerShard uint64 // units of work in a full shard

	// What one shard may use at most, zero being the provider's own default.
	CPUMillis   uint64 // thousandths of a core
	MemoryBytes uint64
	DiskBytes   uint64
	PIDs        uint32
	GPUs        uint32
	VRAMBytes   uint64 // needed on each GPU

	MaxPrice       uint64 // the most paid for one shard, in Unit
	Unit           string
	Rail           string
	ShardTimeoutMS uint64
	Deadline       int64  // of the whole job, unix seconds
	AuditCommit    ID     // hash of the secret that draws audits; may be zero
	AuditMin       uint32 // least rate of audits promised, parts per million; 0: none
	Class          string // the hardware class required, or empty for any
}

// Kind returns KindJobOffer.
func (JobOffer) Kind() Kind { return KindJobOffer }

func (m JobOffer) write(c codec) { m.walk(c) }

func (m *JobOffer) walk(c codec) {
	c.id("job", &m.Job)
	c.opt().str("name", &m.Name)
	c.str("image", &m.Image)
	c.opt().str("image_cid", &m.ImageCID)
	c.opt().str("model_cid", &m.ModelCID)
	c.str("compare", &m.Comparator)
	c.u32("shards", &m.Shards)
	c.u64("units", &m.UnitsPerShard)
	c.opt().u64("cpu", &m.CPUMillis)
	c.opt().u64("mem", &m.MemoryBytes)
	c.opt().u64("disk", &m.DiskBytes)
	c.opt().u32("pids", &m.PIDs)
	c.opt().u32("gpus", &m.GPUs)
	c.opt().u64("vram", &m.VRAMBytes)
	c.u64("max", &m.MaxPrice)
	c.str("unit", &m.Unit)
	c.str("rail", &m.Rail)
	c.u64("timeout", &m.ShardTimeoutMS)
	c.i64("deadline", &m.Deadline)
	c.opt().id("audit", &m.AuditCommit)
	c.opt().u32("audit_min", &m.AuditMin)
	c.opt().str("class", &m.Class)
}

// Validate checks every field against its limit.
func (m JobOffer) Validate() error {
	var c checks
	c.id("job", m.Job)
	c.text("name", m.Name, maxName)
	c.digest("image", m.Image)
	c.cidOr("image_cid", m.ImageCID)
	c.cidOr("model_cid", m.ModelCID)
	c.token("compare", m.Comparator)
	c.that(m.Shards > 0, "shards", "is zero")
	c.max("shards", uint64(m.Shards), maxShards)
	c.max("units", m.UnitsPerShard, maxAmount)
	c.resources(m.CPUMillis, m.MemoryBytes, m.DiskBytes, m.PIDs, m.GPUs)
	c.max("vram", m.VRAMBytes, maxBytes)
	c.max("max", m.MaxPrice, maxAmount)
	c.money(m.Unit, m.Rail)
	c.that(m.ShardTimeoutMS > 0, "timeout", "is zero")
	c.max("timeout", m.ShardTimeoutMS, maxDurationMS)
	c.unix("deadline", m.Deadline)
	c.promise(m.AuditCommit, m.AuditMin)
	c.tokenOr("class", m.Class)
	return c.err()
}

// resources checks what one shard may use.
func (c *checks) resources(cpu, mem, disk uint64, pids, gpus uint32) {
	c.max("cpu", cpu, maxCPUMillis)
	c.max("mem", mem, maxBytes)
	c.max("disk", disk, maxBytes)
	c.max("pids", uint64(pids), maxPIDs)
	c.max("gpus", uint64(gpus), maxGPUs)
}
