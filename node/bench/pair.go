package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/network"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// protoBare carries the file and nothing else.
const protoBare = "/infernet-bench/bare/1"

// sourceCount is how many hosts are asked at once in the ways of many sources.
const sourceCount = 4

// pair is those who have the bytes and one who asks: four hosts reachable by
// QUIC, one reachable by TCP, each with a store of its own, and a bare socket.
type pair struct {
	dir     string
	bytes   bytesOnDisk
	cid     string // of the big file
	many    string // CIDs of the folder and of the one file
	one     string
	sources []*p2p.Host // by QUIC
	tcp     *p2p.Host   // by TCP
	asks    *p2p.Host
	socket  net.Listener
	db      store.Store
	stop    context.CancelFunc
	ended   []chan error // of each host that began
	stores  int          // opened, to give each its own part of the database
}

const (
	listenQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
	listenTCP  = "/ip4/127.0.0.1/tcp/0"
)

func newPair(ctx context.Context, dir string, b bytesOnDisk) (_ *pair, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &pair{dir: dir, bytes: b, stop: cancel}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.db, err = store.Open(filepath.Join(dir, "db"), slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	for range sourceCount {
		h, err := p.source(ctx, listenQUIC)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, h)
	}
	if p.tcp, err = p.source(ctx, listenTCP); err != nil {
		return nil, err
	}
	if p.asks, err = p.host(ctx, listenQUIC); err != nil {
		return nil, err
	}
	if p.socket, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go p.listen(ctx)
	for _, h := range append(p.sources[:sourceCount:sourceCount], p.tcp) {
		if err := p.asks.Connect(ctx, h.Addrs()[0]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// source is a host that has all the bytes. The first one also has the small
// files, as copies; the others' stay where they are.
func (p *pair) source(ctx context.Context, listen string) (*p2p.Host, error) {
	blobs, err := p.store(filepath.Join(p.dir, fmt.Sprint("blobs", p.stores)))
	if err != nil {
		return nil, err
	}
	info, err := blobs.AddFile(ctx, p.bytes.big, blob.AddOptions{Reference: true})
	if err != nil {
		return nil, err
	}
	p.cid = info.CID
	if p.bytes.many != "" && len(p.sources) == 0 {
		if info, err = blobs.AddTree(ctx, p.bytes.many); err != nil {
			return nil, err
		}
		p.many = info.CID
		if info, err = blobs.AddFile(ctx, p.bytes.one, blob.AddOptions{Reference: true}); err != nil {
			return nil, err
		}
		p.one = info.CID
	}
	h, err := p.host(ctx, listen)
	if err != nil {
		return nil, err
	}
	h.Handle(p2p.ProtoBlob, p2p.StreamLimits{}, func(ctx context.Context, s *p2p.Stream) {
		_ = blobs.ServeStream(ctx, s, nil)
		_ = s.Close()
	})
	h.Libp2p().SetStreamHandler(protoBare, func(s network.Stream) { p.serve(ctx, s) })
	return h, nil
}

// store opens one that has nothing yet.
func (p *pair) store(dir string) (*blob.Store, error) {
	p.stores++
	return blob.Open(dir, store.Prefix(p.db, fmt.Sprintf("s%d/", p.stores)), blob.Config{})
}

// host runs one host on loopback.
func (p *pair) host(ctx context.Context, listen string) (*p2p.Host, error) {
	key, err := identity.Generate()
	if err != nil {
		return nil, err
	}
	cfg := p2p.Default("devnet-bench")
	cfg.Listen, cfg.MDNS, cfg.NAT = []string{listen}, false, false
	h, err := p2p.New(cfg, key, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	select {
	case <-h.Ready():
		p.ended = append(p.ended, ended)
		return h, nil
	case err := <-ended:
		return nil, err
	}
}

// close ends all hosts.
func (p *pair) close() error {
	p.stop()
	var err error
	if p.socket != nil {
		err = p.socket.Close()
	}
	for _, ended := range p.ended {
		if e := <-ended; e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	if p.db != nil {
		err = errors.Join(err, p.db.Close())
	}
	return err
}
