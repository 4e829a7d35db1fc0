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

// farewell is how long a peer that has sent everything may take to read the
// one byte that says so.
const farewell = 2 * time.Second

// conn is the fetching side's end of one stream. Frames are written by a
// goroutine of its own, so that a serving side that is busy writing and a
// fetching side that is busy asking do not wait for each other.
type conn struct {
	c       io.ReadWriteCloser
	r       *bufio.Reader // reads through conn, which grants credit
	idle    time.Duration
	timer   *time.Timer
	stalled atomic.Bool
	unwatch func() bool
	writer  sync.WaitGroup

	window        func() uint64 // bytes that may be under way at present
	read, granted uint64        // of the reading goroutine

	mu     sync.Mutex
	out    []byte // frames to be written
	asked  uint64 // questions so far
	ending bool
	wake   chan struct{}
}

// dial opens a stream and says hello. window tells how many bytes may be on
// their way; it may change its mind.
func dial(ctx context.Context, src Source, root cid.Cid, idle time.Duration, window func() uint64) (*conn, error) {
	c, err := src.Open(ctx)
	if err != nil {
		return nil, cut(err)
	}
	k := &conn{c: c, idle: idle, window: window, wake: make(chan struct{}, 1)}
	k.r = bufio.NewReaderSize(k, 64<<10)
	k.granted = window()
	k.out = appendHello(nil, root, k.granted)
	k.timer = time.AfterFunc(idle, func() { k.stalled.Store(true); k.abort() })
	k.unwatch = context.AfterFunc(ctx, k.abort)
	k.writer.Go(k.write)
	k.poke()
	return k, nil
}

// Read implements io.Reader for r alone: what was taken from the stream is
// granted again.
func (k *conn) Read(p []byte) (int, error) {
	n, err := k.c.Read(p)
	k.read += uint64(n)
	target := k.window()
	if ahead := k.granted - k.read; ahead < target && target-ahead >= target/4 {
		k.granted += target - ahead
		k.send(func(b []byte) []byte { return appendCredit(b, target-ahead) })
	}
	return n, err
}

// ask sends a question and returns its number.
func (k *conn) ask(q question) (number uint64) {
	k.send(func(b []byte) []byte {
		number = k.asked
		k.asked++
		return appendQuestion(b, q)
	})
	return number
}

// trim says that the answer to a question need not go beyond byte to.
func (k *conn) trim(number, to uint64) {
	k.send(func(b []byte) []byte { return appendTrim(b, number, to) })
}

// send hands a frame to the writer. What waits is bounded by the questions
// that may wait for an answer.
func (k *conn) send(frame func([]byte) []byte) {
	k.mu.Lock()
	k.out = frame(k.out)
	k.mu.Unlock()
	k.poke()
}

func (k *conn) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// write sends what is at hand together.
func (k *conn) write() {
	var spare []byte
	for range k.wake {
		k.mu.Lock()
		buf, ending := k.out, k.ending
		k.out = spare[:0]
		k.mu.Unlock()
		if len(buf) > 0 {
			if _, err := k.c.Write(buf); err != nil {
				return // the reading side sees the stream end and tells
			}
		}
		if spare = buf; ending {
			return
		}
	}
}

// alive gives the source another idle time; rest says that nothing is due.
func (k *conn) alive() { k.timer.Reset(k.idle) }
func (k *conn) rest()  { k.timer.Stop() }

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
	k.finish(true)
	k.timer.Stop()
	k.unwatch()
	_ = k.c.Close()
}

// fail leaves after an error, at once.
func (k *conn) fail() {
	k.timer.Stop()
	k.unwatch()
	k.abort()
	k.finish(false)
}

// finish lets the writer go and waits for it.
func (k *conn) finish(inOrder bool) {
	k.mu.Lock()
	if inOrder {
		k.out = append(k.out, frameDone)
	}
	k.ending = true
	k.mu.Unlock()
	k.poke()
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
