package market

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// Need is what one attempt of a job asks of a provider.
type Need struct {
	Network     string
	Version     string   // the oldest version of the software that will do; "" any
	Role        string   // "" means "provider"
	Isolation   []string // any one of these; empty means any
	Arch        string   // "" any
	OS          string   // "" any
	CPUMillis   uint64
	MemoryBytes uint64
	DiskBytes   uint64
	GPUs        uint32
	VRAMBytes   uint64 // on each GPU
	Rail        string
	Unit        payments.Unit
	Units       uint64        // work units of the biggest shard; what a price is computed for
	MaxPrice    uint64        // most to pay for one attempt, in Unit
	Class       string        // "" any
	Slots       uint32        // at least this many free; 0 means 1
	MaxETA      time.Duration // 0 any
	Image       string        // digest; those that have it rank higher
	Model       string        // CID; likewise

	MinReputation float64 // least score, newcomers not spared; 0 none is asked for
}

// Candidate is a provider with what is known of it. Offer and Quote must have
// been verified and be by Provider.
type Candidate struct {
	Provider identity.PubKey
	Operator string // "" when not known
	Offer    *wire.ProviderOffer
	Quote    *wire.Quote
	QuoteID  wire.ID
	Busy     bool    // Refused for want of room, which may come free
	Refused  string  // the provider's refusal, or why there is no quote; from a stranger
	Score    float64 // reputation, 0 to 1
	New      bool    // no history with it
}

// Policy is the asking node's own.
type Policy struct {
	Now         time.Time
	Seed        wire.ID                    // of the exploration
	ScoreFloor  float64                    // known providers below it are dropped; new ones are not
	ExplorePct  uint32                     // of ranks given to new providers, 0 to 100
	ExploreMax  uint64                     // price above which no rank is given to one; 0 any
	QuoteMargin time.Duration              // a quote must live this much longer
	Exclude     map[identity.PubKey]string // why each is not wanted
}

// Ranked is a provider that matches. Price is for Need.Units.
type Ranked struct {
	Candidate
	Price   payments.Amount
	Rank    float64 // higher is better; comparable within one answer only
	Explore bool    // its place was given to it for being new
}

// Dropped is a provider that does not match: the first predicate that failed and
// the smallest change that would have matched. Have may hold a stranger's words, cut and quoted.
type Dropped struct {
	Provider  identity.PubKey
	Predicate string
	Have      string
	Want      string
	Hint      string
	Rate      payments.Rate // that it quoted, where it is its price that does not match
	Busy      bool          // it said that it has no room now
}
