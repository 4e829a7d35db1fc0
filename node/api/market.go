package api

import "time"

// ProviderQuery narrows a look at the market.
type ProviderQuery struct {
	Keys   []string // attribute keys as the DHT has them, e.g. "cpu", "vram>=24"; empty: any
	Quotes bool     // look at who serves models now, each asked for a quote, and not at Keys
	Max    int      // providers to look at; 0: the node's default

	Model       string // only who serves this model now: a name or a CID; "" any
	GPU         string // an attribute of graphics cards, e.g. "vram>=24", "name~h100"; "" any
	MaxPriceIn  string // most per million input tokens, as payments.ParsePrice reads it; "": any
	MaxPriceOut string // most per million output tokens; "": any

	MinReputation float64 // least score, 0 to 1; who is below it is told in Dropped
}

// ProviderList is who offers what, and who was left out and why.
type ProviderList struct {
	Providers []Provider  `json:"providers"`
	Dropped   []Candidate `json:"dropped"`
}

// Provider is one signed offer. Its texts are a stranger's.
type Provider struct {
	NPub      string   `json:"npub"`
	Class     string   `json:"class"`
	OS        string   `json:"os"`
	Arch      string   `json:"arch"`
	CPU       string   `json:"cpu"`
	Cores     int      `json:"cores"`
	Memory    uint64   `json:"memory"` // bytes
	Disk      uint64   `json:"disk"`   // bytes
	GPUs      []GPU    `json:"gpus"`
	Isolation []string `json:"isolation"`
	Rates     []Rate   `json:"rates"`
	Slots     int      `json:"slots"`
	Models    []string `json:"models"`
	Images    []string `json:"images"`
	Version   string   `json:"version"`
	Via       string   `json:"via"` // how it was found: dht, book, peer
	Score     float64  `json:"score"`
	Operator  string   `json:"operator,omitempty"` // npub of who says, with a signature, that the node is theirs
	Quote     *Quote   `json:"quote,omitempty"`
	Serves    []Served `json:"serves,omitempty"` // models that answer at once
}

// Served is one model that a provider keeps ready. Speeds are what the
// provider says it measured.
type Served struct {
	Name     string  `json:"name"`
	CID      string  `json:"cid"`
	In       uint64  `json:"in"`  // price per million input tokens
	Out      uint64  `json:"out"` // price per million output tokens
	Unit     string  `json:"unit"`
	TPS      float64 `json:"tps"`      // tokens per second of one stream; 0: not measured
	TTFTMS   uint64  `json:"ttft_ms"`  // to the first token; 0: not measured
	Context  int     `json:"context"`  // tokens
	Parallel int     `json:"parallel"` // requests at once
	Queue    int     `json:"queue"`    // requests that wait; known after a quote only, else -1
}

// GPU is one graphics card of an offer.
type GPU struct {
	Name string `json:"name"`
	VRAM uint64 `json:"vram"` // bytes
}

// Rate is a price: base for a shard, and per unit of work.
type Rate struct {
	Rail    string `json:"rail"`
	Base    uint64 `json:"base"`
	PerUnit uint64 `json:"per_unit"`
	Unit    string `json:"unit"`
}

// Quote is a provider's answer to a concrete question.
type Quote struct {
	Rate    Rate      `json:"rate"`
	Slots   int       `json:"slots"`
	ETAMS   int64     `json:"eta_ms"`
	Expires time.Time `json:"expires"`
}

// Reputation is what this node thinks of another: its own receipts first, and
// what others say in so far as it trusts them.
type Reputation struct {
	NPub     string  `json:"npub"`
	Score    float64 `json:"score"` // 0 to 1, a lower bound
	Receipts int     `json:"receipts"`
	Good     int     `json:"good"`
	Bad      int     `json:"bad"`
	Explain  string  `json:"explain,omitempty"` // how the score came about

	Known    bool    `json:"known"`          // there is a receipt of ours, or an opinion that counts
	Direct   float64 `json:"direct"`         // the score from our own receipts alone
	Indirect float64 `json:"indirect"`       // good weight that others' opinions add
	Suspect  bool    `json:"suspect"`        // bad news: all that it computes is checked
	Caught   bool    `json:"caught"`         // by our own receipts worse than a stranger: asked only where too few others are
	Fraud    bool    `json:"fraud"`          // a proof of fraud: the score is 0
	Owes     int     `json:"owes,omitempty"` // receipts of work that it did not pay
}
