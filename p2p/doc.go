// Package p2p is the node's one libp2p host: QUIC and TCP connections that are
// authenticated by the node key, byte streams with limits over them, and the
// ways of reaching peers (bootstrap, mDNS, address detection, hole punching,
// relays).
//
// A peer is named by its public key alone (identity.PubKey); libp2p peer IDs
// stay inside, except for packages that build on libp2p themselves (dht,
// gossip) and use Host.Libp2p.
//
// It refuses connections of peers whose key is not an even-Y secp256k1 key and
// of peers that misbehaved too often, and streams above the limits that their
// handlers were registered with. It knows nothing of what the streams carry,
// keeps no file of its own (see AddrBook), and decides nothing about jobs or
// money.
//
// Called by dht, gossip and node. New opens nothing; Host.Run owns every socket
// and goroutine and releases them before it returns.
package p2p
