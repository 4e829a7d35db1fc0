package api

// GCRequest asks to remove what nothing needs.
type GCRequest struct {
	DryRun bool   `json:"dry_run"`
	Keep   uint64 `json:"keep,omitempty"` // bytes that may stay: only as much goes, longest unused first; 0: all of it
}

// GCReport tells what was, or would be, removed.
type GCReport struct {
	DryRun  bool      `json:"dry_run"`
	Removed []Content `json:"removed"`
	Freed   uint64    `json:"freed"`           // bytes on disk, unfinished downloads included
	Kept    int       `json:"kept"`            // things that stay
	Quota   uint64    `json:"quota,omitempty"` // bytes that the store may take; 0: no quota
}

// VerifyRequest asks to read content again.
type VerifyRequest struct {
	Ref      string            `json:"ref,omitempty"` // "": everything on the shelf
	Progress func(AddProgress) `json:"-"`             // called by one goroutine at a time; may be nil
}

// VerifyReport tells what does not match its CID any more.
type VerifyReport struct {
	Checked int    `json:"checked"` // files and folders
	Bytes   uint64 `json:"bytes"`
	Bad     []Bad  `json:"bad"`
}

// Bad is one thing that is not what it was.
type Bad struct {
	Content
	Reason string `json:"reason"` // one of the Bad constants
	Detail string `json:"detail"` // in words
}

// Why content is bad.
const (
	BadCorrupt = "corrupt" // the store's own bytes do not hash to their CID
	BadChanged = "changed" // a file referenced in place is gone or another
	BadError   = "error"   // it could not be read
)

// ShareRequest says who may fetch content from this node.
type ShareRequest struct {
	Ref string `json:"ref"`
}

// TrafficReport is what this node has served and fetched.
type TrafficReport struct {
	Peers  []Traffic    `json:"peers"` // most bytes first
	Upload UploadLimits `json:"upload"`
}

// Traffic is what went between this node and one peer, ever.
type Traffic struct {
	NPub    string `json:"npub"`
	Served  uint64 `json:"served"`  // bytes given to the peer
	Fetched uint64 `json:"fetched"` // bytes taken from the peer, verified
	Unpaid  uint64 `json:"unpaid"`  // of those served, bytes the peer still has to pay for
	Earned  Amount `json:"earned"`
	Paid    Amount `json:"paid"`
}

// UploadLimits are what the operator allows; 0 is no limit, and no price.
type UploadLimits struct {
	Rate     uint64 `json:"rate"`      // bytes per second, all peers together
	PeerRate uint64 `json:"peer_rate"` // bytes per second to one peer
	Cap      uint64 `json:"cap"`       // bytes a day to peers outside of jobs
	Price    uint64 `json:"price"`     // credits per GiB to peers outside of jobs
}

// Mirror is where container tools pull images from this node.
type Mirror struct {
	Addr string `json:"addr"` // loopback host:port, plain HTTP
	NPub string `json:"npub"` // whose names need no npub in front of them
}
