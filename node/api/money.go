package api

// Balance is how this node stands with one peer on one rail. For bilateral
// credit Owed and Owing are what the countersigned notes say.
type Balance struct {
	Rail     string `json:"rail"`
	Peer     string `json:"peer,omitempty"` // npub; "" for the rail's total
	Unit     string `json:"unit"`
	Paid     uint64 `json:"paid"`     // by us to the peer, ever
	Received uint64 `json:"received"` // by us from the peer, ever
	Held     uint64 `json:"held"`     // promised to work not verified yet
	Unknown  uint64 `json:"unknown"`  // sent, with an outcome we cannot see yet
	Limit    uint64 `json:"limit"`    // credit granted to the peer; 0: not a credit rail
}

// Payment is one entry of the journal.
type Payment struct {
	Ref       string `json:"ref"` // job/shard/attempt
	Rail      string `json:"rail"`
	Direction string `json:"direction"` // out | in
	Peer      string `json:"peer"`
	Amount    Amount `json:"amount"`
	State     string `json:"state"` // quoted held captured released unknown
	Memo      string `json:"memo,omitempty"`
	AtMS      int64  `json:"at_ms"`
}
