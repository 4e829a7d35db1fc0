package api

import "time"

// Status is the answer to "how is this node": identity, readiness, and one
// line for each subsystem, as a tree.
type Status struct {
	NPub       string      `json:"npub"`
	PeerID     string      `json:"peer_id"`
	Network    string      `json:"network"`
	Roles      []string    `json:"roles"`
	Ready      bool        `json:"ready"` // every subsystem its roles need is up
	Version    string      `json:"version"`
	Home       string      `json:"home"`
	PID        int         `json:"pid"`
	StartedAt  time.Time   `json:"started_at"`
	Addrs      []string    `json:"addrs"` // full multiaddrs with /p2p/
	Peers      int         `json:"peers"` // connected now
	Class      string      `json:"class,omitempty"`
	Subsystems []Subsystem `json:"subsystems"`
}

// Subsystem states. An off subsystem is one that no role of this node needs.
const (
	StateOff      = "off"
	StateStarting = "starting"
	StateReady    = "ready"
	StateDegraded = "degraded" // works, but not fully; LastError tells why
	StateFailed   = "failed"
	StateStopping = "stopping"
)

// Subsystem is one node of the status tree.
type Subsystem struct {
	Name      string      `json:"name"`
	State     string      `json:"state"`
	Detail    string      `json:"detail,omitempty"` // one line for people
	Since     time.Time   `json:"since"`
	LastError string      `json:"last_error,omitempty"`
	Children  []Subsystem `json:"children,omitempty"`
}

// Peer is one connected node.
type Peer struct {
	NPub      string   `json:"npub"`
	PeerID    string   `json:"peer_id"`
	Addrs     []string `json:"addrs"`
	Direction string   `json:"direction"` // in | out
	Limited   bool     `json:"limited"`   // through a relay
	LatencyMS int64    `json:"latency_ms,omitempty"`
	Agent     string   `json:"agent,omitempty"` // what the peer says it runs; a stranger's text
}
