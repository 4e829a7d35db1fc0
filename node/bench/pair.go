package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/network"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// protoBare carries the file and nothing else.
const protoBare = "/infernet-bench/bare/1"

// pair is two hosts with one QUIC connection between them. The first has the
// file; the second asks.
type pair struct {
	dir    string
	source string
	cid    string
	a, b   *p2p.Host
	socket net.Listener
	db     store.Store
	stop   context.CancelFunc
	ended  chan error
	round  int
}

func newPair(ctx context.Context, dir, source string) (_ *pair, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &pair{dir: dir, source: source, stop: cancel, ended: make(chan error, 3)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.db, err = store.Open(filepath.Join(dir, "db"), slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), store.Prefix(p.db, "a/"), blob.Config{})
	if err != nil {
		return nil, err
	}
	// The bytes stay in the source: they are not on the disk a third time.
	info, err := blobs.AddFile(ctx, source, blob.AddOptions{Reference: true})
	if err != nil {
		return nil, err
	}
	p.cid = info.CID
	if p.a, err = p.host(ctx); err != nil {
		return nil, err
	}
	if p.b, err = p.host(ctx); err != nil {
		return nil, err
	}
	p.a.Handle(p2p.ProtoBlob, p2p.StreamLimits{}, func(ctx context.Context, s *p2p.Stream) {
		_ = blobs.ServeStream(ctx, s, nil)
		_ = s.Close()
	})
	p.a.Libp2p().SetStreamHandler(protoBare, func(s network.Stream) { p.serve(ctx, s) })
	if p.socket, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go p.listen(ctx)
	return p, p.b.Connect(ctx, p.a.Addrs()[0])
}

// host runs one host on loopback, reachable by QUIC alone.
func (p *pair) host(ctx context.Context) (*p2p.Host, error) {
	key, err := identity.Generate()
	if err != nil {
		return nil, err
	}
	cfg := p2p.Default("devnet-bench")
	cfg.Listen, cfg.MDNS, cfg.NAT = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, false, false
	h, err := p2p.New(cfg, key, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		err := h.Run(ctx)
		done <- err
		p.ended <- err
	}()
	select {
	case <-h.Ready():
		return h, nil
	case err := <-done:
		p.ended <- nil
		return nil, err
	}
}

// close ends both hosts.
func (p *pair) close() error {
	p.stop()
	var err error
	if p.socket != nil {
		err = p.socket.Close()
	}
	for _, h := range []*p2p.Host{p.a, p.b} {
		if h == nil {
			continue
		}
		if e := <-p.ended; e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	if p.db != nil {
		err = errors.Join(err, p.db.Close())
	}
	return err
}

// listen answers each connection with the file.
func (p *pair) listen(ctx context.Context) {
	for {
		c, err := p.socket.Accept()
		if err != nil {
			return // closed
		}
		go p.serve(ctx, c)
	}
}

func (p *pair) serve(ctx context.Context, w io.WriteCloser) {
	defer w.Close()
	f, err := os.Open(p.source)
	if err != nil {
		return
	}
	defer f.Close()
	_ = pour(ctx, w, f)
}

func (p *pair) tcp(ctx context.Context, dest string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.socket.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	return p.receive(ctx, c, dest)
}

func (p *pair) stream(ctx context.Context, dest string) error {
	s, err := p.b.Libp2p().NewStream(ctx, p.a.Libp2p().ID(), protoBare)
	if err != nil {
		return err
	}
	defer s.Close()
	// libp2p tells the protocol with the first write, or when the side closes.
	if err := s.CloseWrite(); err != nil {
		return err
	}
	return p.receive(ctx, s, dest)
}

// receive writes what comes and sees that all of it came.
func (p *pair) receive(ctx context.Context, r io.ReadCloser, dest string) error {
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	if err := writeSynced(dest, func(w io.Writer) error { return pour(ctx, w, r) }); err != nil {
		return err
	}
	got, err := os.Stat(dest)
	if err != nil {
		return err
	}
	want, err := os.Stat(p.source)
	if err == nil && got.Size() != want.Size() {
		err = fmt.Errorf("%d of %d bytes came: %w", got.Size(), want.Size(), io.ErrUnexpectedEOF)
	}
	return err
}

// blob fetches into a store that has nothing yet.
func (p *pair) blob(ctx context.Context, dest string) error {
	p.round++
	empty, err := blob.Open(dest, store.Prefix(p.db, fmt.Sprintf("b%d/", p.round)), blob.Config{})
	if err != nil {
		return err
	}
	_, err = empty.Fetch(ctx, p.cid, blob.Limits{}, blob.Source{
		Name: "source",
		Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
			return p.b.Open(ctx, p.a.ID(), p2p.ProtoBlob)
		},
	})
	return err
}
