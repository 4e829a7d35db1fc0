package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/store/blob"
)

// The names of the ways.
const (
	wayDisk       = "disk"
	wayHash       = "hash"
	wayHashAll    = "hash all"
	wayTCP        = "tcp"
	wayStream     = "stream"
	wayStreamTCP  = "stream tcp"
	wayBlob       = "blob"
	wayBlobTCP    = "blob tcp"
	wayBlobFour   = "blob four"
	wayAdd        = "add"
	wayAddInPlace = "add in place"
	wayAddOne     = "add one"
	wayReadMany   = "read many"
	wayAddMany    = "add many"
	wayFetchOne   = "fetch one"
	wayFetchMany  = "fetch many"
)

// ways is what is measured. All copies go through buffers of 256 KiB and end
// with a sync.
func (p *pair) ways() []*measured {
	ways := []*measured{
		{name: wayDisk, what: "one file to another, without a network", once: func(ctx context.Context, dest string) error {
			return copyFile(ctx, p.bytes.big, dest)
		}},
		{name: wayHash, what: "SHA-256 of the standard library, one core", once: func(ctx context.Context, _ string) error {
			return hashFile(ctx, p.bytes.big)
		}},
		{name: wayHashAll, what: "SHA-256 of its blocks, many at once, all cores", once: func(ctx context.Context, _ string) error {
			return hashAll(ctx, p.bytes.big)
		}},
		{name: wayTCP, what: "a bare TCP socket", once: p.overSocket},
		{name: wayStream, what: "a bare libp2p stream over QUIC", once: p.overStream(p.sources[0])},
		{name: wayStreamTCP, what: "a bare libp2p stream over TCP", once: p.overStream(p.tcp)},
		{name: wayBlob, what: "the blob protocol over the same QUIC connection", once: p.fetch(&p.cid, p.sources[0])},
		{name: wayBlobTCP, what: "the blob protocol over the same TCP connection", once: p.fetch(&p.cid, p.tcp)},
		{name: wayBlobFour, what: "the blob protocol from four hosts over QUIC", once: p.fetch(&p.cid, p.sources...)},
		{name: wayAdd, what: "a file added to a store, copied", once: p.add(p.bytes.big, false)},
		{name: wayAddInPlace, what: "a file added to a store, left where it is", once: p.add(p.bytes.big, true)},
	}
	for _, w := range ways {
		w.bytes = p.bytes.bigSize
	}
	if p.bytes.many == "" {
		return ways
	}
	for _, w := range []*measured{
		{name: wayAddOne, what: "one file of the small ones' bytes added", once: p.add(p.bytes.one, false)},
		{name: wayReadMany, what: "the small files opened and read, all cores", once: func(ctx context.Context, _ string) error {
			return readMany(ctx, p.bytes.many)
		}},
		{name: wayAddMany, what: "the small files added", once: p.addTree(p.bytes.many)},
		{name: wayFetchOne, what: "one file of the small ones' bytes as a blob", once: p.fetch(&p.one, p.sources[0])},
		{name: wayFetchMany, what: "the small files as blobs", once: p.fetch(&p.many, p.sources[0])},
	} {
		w.bytes = p.bytes.smallBytes
		ways = append(ways, w)
	}
	return ways
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
	f, err := os.Open(p.bytes.big)
	if err != nil {
		return
	}
	defer f.Close()
	_ = pour(ctx, w, f)
}

func (p *pair) overSocket(ctx context.Context, dest string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.socket.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	return p.receive(ctx, c, dest)
}

func (p *pair) overStream(from *p2p.Host) func(context.Context, string) error {
	return func(ctx context.Context, dest string) error {
		s, err := p.asks.Libp2p().NewStream(ctx, from.Libp2p().ID(), protoBare)
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
}

// receive writes what comes and sees that all of it came.
func (p *pair) receive(ctx context.Context, r io.ReadCloser, dest string) error {
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	if err := writeSynced(dest, func(w io.Writer) error { return pour(ctx, w, r) }); err != nil {
		return err
	}
	got, err := os.Stat(dest)
	if err == nil && got.Size() != p.bytes.bigSize {
		err = fmt.Errorf("%d of %d bytes came: %w", got.Size(), p.bytes.bigSize, io.ErrUnexpectedEOF)
	}
	return err
}

// fetch brings content into a store that has nothing yet.
func (p *pair) fetch(cid *string, from ...*p2p.Host) func(context.Context, string) error {
	return func(ctx context.Context, dest string) error {
		empty, err := p.store(dest)
		if err != nil {
			return err
		}
		var sources []blob.Source
		for i, h := range from {
			sources = append(sources, blob.Source{
				Name: fmt.Sprint("source ", i),
				Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
					return p.asks.Open(ctx, h.ID(), p2p.ProtoBlob)
				},
			})
		}
		_, err = empty.Fetch(ctx, *cid, blob.Limits{}, sources...)
		return err
	}
}

// add takes a file into a store that has nothing yet.
func (p *pair) add(path string, inPlace bool) func(context.Context, string) error {
	return func(ctx context.Context, dest string) error {
		empty, err := p.store(dest)
		if err == nil {
			_, err = empty.AddFile(ctx, path, blob.AddOptions{Reference: inPlace})
		}
		return err
	}
}

func (p *pair) addTree(path string) func(context.Context, string) error {
	return func(ctx context.Context, dest string) error {
		empty, err := p.store(dest)
		if err == nil {
			_, err = empty.AddTree(ctx, path)
		}
		return err
	}
}
