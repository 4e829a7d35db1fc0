package blob

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

const (
	serveBuffer = 256 << 10
	// maxOpened bounds the entries of folders that one stream may open.
	maxOpened = 1 << 20
)

// ServeStream is the serving side of /infernet/blob/1 on one stream, until the
// peer is done. allow decides whether this peer may have a root and all below
// it; nil allows everything. The stream's own flow control is the only
// backpressure, its deadlines are the caller's; if rw is an io.Closer it is
// closed when ctx ends. Errors: ErrProtocol for a peer that breaks the
// framing, ErrCut, ErrRefused when allow refused, what reading the files says.
func (s *Store) ServeStream(ctx context.Context, rw io.ReadWriter, allow func(root string) error) error {
	if c, ok := rw.(io.Closer); ok {
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	}
	v := &server{s: s, r: bufio.NewReaderSize(rw, 4<<10), w: bufio.NewWriterSize(rw, serveBuffer)}
	err := v.run(ctx, allow)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

type server struct {
	s *Store
	r *bufio.Reader
	w *bufio.Writer
	// opened holds what may be wanted: the root and what folders list.
	opened map[cid.Cid]struct{}
}

func (v *server) run(ctx context.Context, allow func(string) error) error {
	root, err := readHello(v.r)
	if err != nil {
		return err
	}
	// Held for the whole stream: what is below the root stays with it.
	defer v.s.use(root)()
	if allow != nil {
		if err := allow(root.String()); err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrRefused, err), v.status(statusRefused), v.w.Flush())
		}
	}
	if !v.s.usable(root) {
		return errors.Join(v.status(statusNotHave), v.w.Flush())
	}
	if err := v.status(statusOK); err != nil {
		return err
	}
	v.opened = map[cid.Cid]struct{}{root: {}}
	for ctx.Err() == nil {
		// Answers wait for company only while more wants are at hand.
		if v.r.Buffered() == 0 {
			if err := v.w.Flush(); err != nil {
				return cut(err)
			}
		}
		w, err := readWant(v.r)
		if errors.Is(err, io.EOF) {
			return v.w.Flush()
		}
		if err == nil {
			err = v.answer(ctx, w)
		}
		if err != nil {
			return errors.Join(err, v.w.Flush())
		}
	}
	return ctx.Err()
}

func (v *server) status(b byte) error { return v.w.WriteByte(b) }

// answer serves one want. A peer that asks outside its root is told so and
// dropped.
func (v *server) answer(ctx context.Context, w want) error {
	if _, ok := v.opened[w.cid]; !ok {
		return errors.Join(fmt.Errorf("%w: want of %s, not below the root", ErrProtocol, w.cid), v.status(statusBadWant))
	}
	r, err := v.s.record(w.cid)
	if errors.Is(err, ErrNotHave) {
		return v.status(statusNotHave)
	}
	if err != nil {
		return err
	}
	if r.Dir {
		return v.folder(w)
	}
	f, err := v.s.openFile(w.cid, r)
	if err != nil {
		return v.status(statusNotHave)
	}
	defer f.Close()
	if err := v.status(statusOK); err != nil {
		return err
	}
	return v.file(ctx, f, r, w)
}

func (v *server) folder(w want) error {
	block, err := v.s.node(w.cid, w.cid)
	if err != nil {
		return err
	}
	n, err := decodeNode(block)
	if err != nil {
		return fmt.Errorf("%w: folder %s: %w", ErrCorrupt, w.cid, err)
	}
	if len(v.opened)+len(n.links) > maxOpened {
		return errors.Join(fmt.Errorf("%w: too many entries in one stream", ErrProtocol), v.status(statusRefused))
	}
	for _, l := range n.links {
		v.opened[l.cid] = struct{}{}
	}
	if err := v.status(statusOK); err != nil || w.skip > 0 {
		return err
	}
	return v.block(block)
}

// file sends the blocks after the first w.skip. The bytes go from the file to
// the stream as they are: whoever receives them verifies them anyway.
func (v *server) file(ctx context.Context, f *opened, r record, w want) error {
	walk := newWalker(w.cid)
	at := uint64(0) // position of f
	for i := uint64(0); ctx.Err() == nil; i++ {
		st, more, err := walk.next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if !more {
			return nil
		}
		if isRaw(st.cid) {
			if st.root {
				st.size = r.Size
			}
			if i < w.skip {
				continue
			}
			if at != st.offset {
				if _, err := f.Seek(int64(st.offset), io.SeekStart); err != nil {
					return err
				}
			}
			at = st.offset + st.size
			if err := v.leaf(f, st.size); err != nil {
				return err
			}
			continue
		}
		block, err := v.s.node(w.cid, st.cid)
		if err == nil {
			_, err = walk.open(block)
		}
		if err != nil {
			return err
		}
		if i >= w.skip {
			if err := v.block(block); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (v *server) length(n uint64) error {
	_, err := v.w.Write(binary.AppendUvarint(nil, n+1))
	return err
}

func (v *server) block(b []byte) error {
	if err := v.length(uint64(len(b))); err != nil {
		return cut(err)
	}
	if _, err := v.w.Write(b); err != nil {
		return cut(err)
	}
	return nil
}

func (v *server) leaf(f *opened, size uint64) error {
	if err := v.length(size); err != nil {
		return cut(err)
	}
	if _, err := io.CopyN(v.w, f, int64(size)); err != nil {
		return cut(err)
	}
	return nil
}
