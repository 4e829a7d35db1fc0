package infer

import (
	"io"
	"net/http"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// Request is one request of an OpenAI client, already checked.
type Request struct {
	Model   string // a name or a CID
	Path    string // of the API, such as /v1/chat/completions
	Body    []byte // a JSON object
	Stream  bool   // the body asks for events
	Session string // requests of one session go to one provider; "" is made from the first messages
	// Deterministic requests (temperature 0, or seeded) may go on elsewhere in
	// mid-stream.
	Deterministic bool
	// MaxPriceIn and MaxPriceOut bound the price per million tokens, in the unit
	// that this node pays in; none is the configuration's bound.
	MaxPriceIn, MaxPriceOut payments.Amount
}

// Response is the answer of a provider. Body must be closed; it ends with an
// error event, not an error, when a stream fails after it began. A stream's
// usage event comes last before [DONE], whatever the request asked for.
type Response struct {
	Status   int
	Header   http.Header
	Body     io.ReadCloser
	Provider identity.PubKey // this node's own key when it answered itself
	Lease    wire.ID         // zero when free
	Model    string          // CID; may be empty when this node answered itself
	// PriceIn and PriceOut are per million tokens of Unit.
	PriceIn, PriceOut uint64
	Unit              string
}

// ModelInfo is one model that somebody serves.
type ModelInfo struct {
	Name      string    `json:"name"`
	CID       string    `json:"cid"`
	Providers int       `json:"providers"` // this node included
	Local     bool      `json:"local"`     // this node serves it
	Context   int       `json:"context"`   // the largest told; 0: not told
	MinIn     uint64    `json:"min_in"`    // cheapest, per million prompt tokens
	MinOut    uint64    `json:"min_out"`   // cheapest, per million completion tokens
	Unit      string    `json:"unit"`
	Seen      time.Time `json:"seen"`
}

// Query asks for the providers of a model.
type Query struct {
	Model               string          // a name or a CID
	MaxIn, MaxOut       payments.Amount // per million tokens; none: no limit
	VRAMBytes           uint64          // of one card, at least
	GPU                 string          // part of a card's name, any case
	MinReputation       float64
	MinTPSMilli         uint64
	MaxTTFTMS           uint64
	SessionOf           string // as if for that session
	ExpectIn, ExpectOut uint64 // tokens, for the comparison of prices; 0: usual ones
}

// Candidate is a provider that could serve a model now.
type Candidate struct {
	Peer        identity.PubKey `json:"peer"`
	Name        string          `json:"name"` // of the model, there
	Model       string          `json:"model"`
	Image       string          `json:"image"`
	In          uint64          `json:"in"`
	Out         uint64          `json:"out"`
	Unit        string          `json:"unit"`
	TPSMilli    uint64          `json:"tps_milli"`
	TTFTMS      uint64          `json:"ttft_ms"`
	Queue       uint32          `json:"queue"`
	Slots       uint32          `json:"slots"`
	Context     uint32          `json:"context"`
	Warm        bool            `json:"warm"`
	Class       string          `json:"class"`
	GPUs        []wire.GPU      `json:"gpus"`
	Reputation  float64         `json:"reputation"`
	Failures    float64         `json:"failures"` // seen lately, decaying
	Score       float64         `json:"score"`
	Probability float64         `json:"probability"` // of being chosen first
	Via         string          `json:"via"`
}

// Dropped is a provider that could not, and why.
type Dropped struct {
	Peer   identity.PubKey `json:"peer"`
	Stage  string          `json:"stage"` // search, quote or choice
	Reason string          `json:"reason"`

	refused bool // it said so itself
	late    bool // it said nothing in time
}

// Choice explains the last choice made for a model.
type Choice struct {
	Model      string          `json:"model"`
	At         time.Time       `json:"at"`
	Chosen     identity.PubKey `json:"chosen"`
	Candidates []Candidate     `json:"candidates"`
	Dropped    []Dropped       `json:"dropped"`
}

// LeaseInfo is one lease as this node knows it.
type LeaseInfo struct {
	Lease     wire.ID         `json:"lease"`
	Provider  identity.PubKey `json:"provider"`
	Model     string          `json:"model"`
	State     string          `json:"state"` // open, draining, closed or disputed
	In        uint64          `json:"in"`    // price per million tokens
	Out       uint64          `json:"out"`
	Unit      string          `json:"unit"`
	Rail      string          `json:"rail"`
	Budget    uint64          `json:"budget"`
	Requests  uint64          `json:"requests"`
	InTokens  uint64          `json:"in_tokens"`
	OutTokens uint64          `json:"out_tokens"`
	Spent     uint64          `json:"spent"`  // for the tokens counted
	Paid      uint64          `json:"paid"`   // certainly
	Active    int             `json:"active"` // requests under way
	Windows   uint32          `json:"windows"`
	Window    string          `json:"window,omitempty"` // state of the open window
	Refused   uint64          `json:"refused_tokens"`   // claimed and not believed
	Reason    string          `json:"reason,omitempty"`
	Since     time.Time       `json:"since"` // when it was agreed
	Deadline  time.Time       `json:"deadline"`
}
