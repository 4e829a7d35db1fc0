package job

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Enumerations of a spec.
const (
	KindBatch = "batch"

	SplitByLines = "lines" // Size lines of the inputs make one shard
	SplitByFiles = "files" // Size input files make one shard
	SplitNone    = "none"  // all inputs are one shard

	MergeConcat = "concat" // the results' files one after the other, in shard order
	MergeNone   = "none"   // a folder with one entry per shard

	VerifyNone     = "none"     // one provider, believed
	VerifyAdaptive = "adaptive" // one provider; a lottery, by what is known of it, asks for a second
	VerifySample   = "sample"   // the same at a fixed rate
	VerifyQuorum   = "quorum"   // Agree of Replicas providers must agree
	VerifyCanary   = "canary"   // one provider; extra shards have a known answer
	VerifyReplay   = "replay"   // one provider; a lottery chooses answers to be replayed

	CompareExact     = "exact"     // byte for byte
	CompareNumeric   = "numeric"   // numbers within a tolerance
	CompareText      = "text"      // generated text, by replaying its tokens; with replay only
	CompareEmbedding = "embedding" // vectors by their cosine
	CompareImage     = "image"     // pictures by structure
	CompareContainer = "container" // the image in verify.image decides

	RailCredit    = "credit"
	RailLightning = "lightning"
	RailPolygon   = "polygon"
)

// Spec is what a person asks for, complete: every default is applied.
type Spec struct {
	Name        string          `json:"name"`
	Kind        string          `json:"kind"`
	Aggregator  identity.PubKey `json:"aggregator,omitzero"` // zero: this node
	Task        Task            `json:"task"`
	Model       string          `json:"model,omitempty"` // name, file or CID; "" none
	ModelAt     Place           `json:"model_at,omitzero"`
	Inputs      []SpecInput     `json:"inputs"`
	Split       Split           `json:"split"`
	Merge       MergeSpec       `json:"merge"`
	Resources   Resources       `json:"resources"`
	Verify      Verify          `json:"verify"`
	Payment     Payment         `json:"payment"`
	Timeouts    Timeouts        `json:"timeouts"`
	MaxInFlight uint32          `json:"max_in_flight"` // attempts running at once
}

// Place is where in the spec's file something was written; both count from 1.
type Place struct {
	Line int `json:"line,omitempty"`
	Col  int `json:"col,omitempty"`
}

// Task is what runs in the container.
type Task struct {
	Image string      `json:"image"` // name, layout folder, tar or digest
	Args  []string    `json:"args,omitempty"`
	Env   [][2]string `json:"env,omitempty"` // sorted by name
	Seed  uint64      `json:"seed,omitempty"`
	At    Place       `json:"at,omitzero"` // of the image
}

// SpecInput is one input: a file of this machine or content already in the network.
type SpecInput struct {
	Path string `json:"path,omitempty"`
	CID  string `json:"cid,omitempty"`
	At   Place  `json:"at,omitzero"`
}

// Split says how inputs become shards. Size is in lines or files.
type Split struct {
	By   string `json:"by"`
	Size uint32 `json:"size,omitempty"`
}

// MergeSpec says how shard results become the job's result.
type MergeSpec struct {
	By string `json:"by"`
}

// Resources bound one attempt. MemoryBytes, DiskBytes and VRAMBytes are bytes.
type Resources struct {
	CPUMillis   uint64 `json:"cpu_millis"`
	MemoryBytes uint64 `json:"memory_bytes"`
	DiskBytes   uint64 `json:"disk_bytes"`
	PIDs        uint32 `json:"pids"`
	GPUs        uint32 `json:"gpus,omitempty"`
	VRAMBytes   uint64 `json:"vram_bytes,omitempty"`
}

// Verify says how results are made sure of.
type Verify struct {
	Mode       string            `json:"mode"`
	Replicas   uint32            `json:"replicas"` // of the first round; the lottery may add one
	Agree      uint32            `json:"agree"`
	Compare    string            `json:"compare"`
	Rate       uint32            `json:"rate,omitempty"`       // ppm: of audits, or of canaries
	Profile    string            `json:"profile,omitempty"`    // CID of the comparator's signed thresholds
	Image      string            `json:"image,omitempty"`      // of a comparator of one's own
	Validators []identity.PubKey `json:"validators,omitempty"` // whose word on a disputed result decides
}

// Payment says what may be spent on the whole job, and over which rail.
type Payment struct {
	Rail string          `json:"rail"`
	Max  payments.Amount `json:"max"`
	Wait bool            `json:"wait,omitempty"` // for somebody cheaper, where all who quoted ask for more than Max
}

// Timeouts bound a job. Shard is the run of one attempt, Fetch the time a
// provider has to get image, model and input ready, Job the whole.
type Timeouts struct {
	Shard time.Duration `json:"shard"`
	Fetch time.Duration `json:"fetch"`
	Job   time.Duration `json:"job"`
}
