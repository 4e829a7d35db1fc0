package infer

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

// Connections that rest: they are kept for the next request to the same peer.
const (
	idlePerPeer = 64
	idleAll     = 512
	idleFor     = 2 * time.Minute
)

// transport sends HTTP requests whose host is a peer's key in hex over streams
// to that peer, which are pooled.
func transport(peers Peers) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			var p identity.PubKey
			if n, err := hex.Decode(p[:], []byte(host)); err != nil || n != len(p) {
				return nil, fmt.Errorf("%w: %.80q", identity.ErrBadPubKey, host)
			}
			c, err := peers.Dial(ctx, p, p2p.ProtoHTTP)
			if err != nil {
				return nil, &unreached{err}
			}
			return ended{c}, nil
		},
		DisableCompression: true, // tokens are small, and held back by a compressor
		MaxIdleConns:       idleAll, MaxIdleConnsPerHost: idlePerPeer, IdleConnTimeout: idleFor,
		MaxResponseHeaderBytes: 32 << 10,
		WriteBufferSize:        16 << 10, ReadBufferSize: 16 << 10,
	}
}

// ended resets its stream when it is closed: the transport closes connections
// that rest, and those whose answer is not wanted any more.
type ended struct{ net.Conn }

func (e ended) Close() error { return reset(e.Conn) }

// unreached is an error before anything was sent.
type unreached struct{ err error }

func (u *unreached) Error() string { return u.err.Error() }
func (u *unreached) Unwrap() error { return u.err }
