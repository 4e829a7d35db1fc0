package blob

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
)

// window is how many wants are under way on one stream. It hides the round
// trips of folders with many small files.
const window = 64

// farewell is how long a peer that has sent everything may take to read the
// one byte that says so.
const farewell = 2 * time.Second

// conn is the fetching side's end of one stream. Wants are written by a
// goroutine of its own, so that a serving side that is busy writing and a
// fetching side that is busy wanting do not wait for each other.
type conn struct {
	c       io.ReadWriteCloser
	r       *bufio.Reader
	wants   chan want
	idle    time.Duration
	timer   *time.Timer
	stalled atomic.Bool
	unwatch func() bool
	writer  sync.WaitGroup
}

func dial(ctx context.Context, src Source, root cid.Cid, idle time.Duration) (*conn, error) {
	c, err := src.Open(ctx)
	if err != nil {
		return nil, cut(err)
	}
	k := &conn{c: c, r: bufio.NewReaderSize(c, 64<<10), wants: make(chan want, window), idle: idle}
	k.timer = time.AfterFunc(idle, func() { k.stalled.Store(true); k.abort() })
	k.unwatch = context.AfterFunc(ctx, k.abort)
	k.writer.Go(func() { k.write(root) })
	return k, nil
}

// write sends the hello and then each want. Wants at hand go out together.
func (k *conn) write(root cid.Cid) {
	buf := appendHello(nil, root)
	for {
		if _, err := k.c.Write(buf); err != nil {
			return // the reading side sees the stream end and tells
		}
		w, ok := <-k.wants
		buf = buf[:0]
		for ok {
			buf = appendWant(buf, w)
			select {
			case w, ok = <-k.wants:
				continue
			default:
			}
			break
		}
		if !ok {
			_, _ = k.c.Write(append(buf, frameDone))
			return
		}
	}
}

// alive gives the source another idle time.
func (k *conn) alive() { k.timer.Reset(k.idle) }

// failure says why reading failed, seen from the whole stream.
func (k *conn) failure(err error) error {
	if errors.Is(err, ErrCut) && k.stalled.Load() {
		return ErrStalled
	}
	return err
}

// end leaves in order; it waits for the writer.
func (k *conn) end() {
	k.timer.Reset(min(k.idle, farewell)) // a peer that does not read is cut off
	close(k.wants)
	k.writer.Wait()
	k.timer.Stop()
	k.unwatch()
	_ = k.c.Close()
}

// fail leaves after an error, at once.
func (k *conn) fail() {
	k.timer.Stop()
	k.unwatch()
	k.abort()
	close(k.wants)
	k.writer.Wait()
}

// abort ends both directions, so that nobody stays blocked on the stream.
func (k *conn) abort() {
	switch r := k.c.(type) {
	case interface{ Reset() error }:
		_ = r.Reset()
	case interface{ Reset() }:
		r.Reset()
	}
	_ = k.c.Close()
}
