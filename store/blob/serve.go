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
	// idleBytes is how much one stream may have read and not sent, idleShare
	// how much more for each byte that is sent. A question of a few bytes can
	// have megabytes of nodes looked through of which nothing is sent.
	idleBytes = 64 << 20
	idleShare = 16
	idleCost  = 512 // beside the length of what is read
)

// ServeStream is the serving side of /infernet/blob/1 on one stream, until the
// peer is done. Content that is here only in part is served as far as it goes.
// allow decides whether this peer may have a root and all below it; nil allows
// everything. rw should be an io.Closer: it is then closed when ctx ends or the
// peer breaks the rules; otherwise a goroutine may go on reading rw until the
// caller closes it. Deadlines are the caller's. Errors: ErrProtocol for a peer
// that breaks the framing, ErrCut, ErrRefused when allow refused, what reading
// the files says.
func (s *Store) ServeStream(ctx context.Context, rw io.ReadWriter, allow func(root string) error) error {
	c, closes := rw.(io.Closer)
	if closes {
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	}
	r := bufio.NewReaderSize(rw, 4<<10)
	root, window, err := readHello(r)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	in := newInbox(window)
	defer context.AfterFunc(ctx, func() { in.halt(ctx.Err()) })()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in.receive(r)
	}()
	v := &server{s: s, in: in, out: newOutlet(rw, in), root: root, any: allow == nil}
	err = v.run(allow)
	in.halt(errLeft)
	if closes {
		select {
		case <-ended:
		default:
			_ = c.Close() // the peer may never say another word
			<-ended
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// errLeft ends an inbox that nobody reads any more.
var errLeft = errors.New("blob: serving side left")

type server struct {
	s     *Store
	in    *inbox
	out   *outlet
	root  cid.Cid
	named *named
	nodes map[cid.Cid]*node // decoded lately, of the file asked for last
	file  *served           // asked for last
	any   bool              // all that was named may be asked for: see belongs
	idle  uint64            // bytes read and not sent
}

// unsent counts what was read for a question and is not sent. Errors:
// ErrProtocol for a peer that asks for nothing but that.
func (v *server) unsent(n int) error {
	if v.idle += uint64(n) + idleCost; v.idle > idleBytes+idleShare*v.out.sent {
		return fmt.Errorf("%w: %d bytes looked through for %d", ErrProtocol, v.idle, v.out.sent)
	}
	return nil
}

func (v *server) run(allow func(string) error) error {
	// Held for the whole stream: what is below the root stays with it.
	defer v.s.use(v.root)()
	defer v.closeFile()
	if allow != nil {
		if err := allow(v.root.String()); err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrRefused, err), v.last(statusRefused))
		}
	}
	if err := v.tellHave(v.root); err != nil {
		if errors.Is(err, ErrNotHave) {
			return v.out.flush()
		}
		return err
	}
	if _, err := v.s.record(v.root); err == nil {
		v.any = true
	}
	v.s.used(v.root)
	v.named = newNamed(v.s, v.root)
	defer v.named.release()
	for {
		// Answers wait for company only while more questions are at hand.
		if !v.in.waiting() {
			if err := v.out.flush(); err != nil {
				return err
			}
		}
		q, err := v.in.next()
		if errors.Is(err, io.EOF) {
			return v.out.flush()
		}
		if err == nil {
			err = v.answer(q)
		}
		if err != nil {
			return err
		}
		v.in.answered()
	}
}

// last sends a status after which nothing follows.
func (v *server) last(status byte) error {
	return errors.Join(v.out.write(status), v.out.flush())
}

// tellHave sends whether c is here whole, in part or not at all; ErrNotHave
// says that it was the last.
func (v *server) tellHave(c cid.Cid) error {
	if v.s.usable(c) {
		return v.out.write(statusOK)
	}
	h, err := v.s.heldPart(c)
	if errors.Is(err, ErrNotHave) {
		return errors.Join(err, v.out.write(statusNotHave))
	}
	if err != nil {
		return err
	}
	return v.out.write(appendMap([]byte{statusPart}, h.spans)...)
}

// answer deals with one question. A peer that asks outside its root is told so
// and dropped.
func (v *server) answer(q question) error {
	if !v.named.has(q.cid) {
		return errors.Join(fmt.Errorf("%w: ask for %s, not below the root", ErrProtocol, q.cid), v.last(statusBadAsk))
	}
	if !v.any && !v.s.belongs(v.root, q.cid) {
		return v.out.write(statusNotHave)
	}
	if q.have {
		if err := v.tellHave(q.cid); !errors.Is(err, ErrNotHave) {
			return err
		}
		return nil
	}
	if !isRaw(q.cid) {
		n, err := v.node(q.cid, q.cid)
		if errors.Is(err, ErrNotHave) {
			return v.out.write(statusNotHave)
		}
		if err != nil {
			return err
		}
		if n.dir {
			return v.folder(q)
		}
	}
	switch err := v.open(q.cid); {
	case errors.Is(err, ErrProtocol):
		return err
	case err != nil:
		return v.out.write(statusNotHave)
	}
	if err := v.out.write(statusOK); err != nil {
		return err
	}
	return v.blocks(q)
}

// folder sends the nodes of a folder and lets its entries be asked for.
func (v *server) folder(q question) error {
	if err := v.out.write(statusOK); err != nil {
		return err
	}
	walk := newFolderWalk(q.cid)
	for c, more := walk.next(); more; c, more = walk.next() {
		block, err := v.s.node(q.cid, c)
		if errors.Is(err, ErrNotHave) {
			return v.end(endShort)
		}
		if err == nil {
			err = walk.open(block)
		}
		if err != nil {
			return fmt.Errorf("%w: folder %s: %w", ErrCorrupt, q.cid, err)
		}
		// Not kept until the end, for which a peer may have it wait.
		if err := v.named.add(walk.take()); err != nil {
			return err
		}
		if q.levels > 0 {
			err = v.unsent(len(block))
		} else {
			err = v.block(block)
		}
		if err != nil {
			return err
		}
	}
	return v.end(endAll)
}

func (v *server) end(how byte) error { return v.out.write(0, how) }

func (v *server) length(n uint64) error {
	return v.out.write(binary.AppendUvarint(make([]byte, 0, 10), n+1)...)
}

func (v *server) block(b []byte) error {
	if err := v.length(uint64(len(b))); err != nil {
		return err
	}
	return v.out.write(b...)
}
