package delivery

import (
	"errors"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// overhead is what a block's frame and the nodes of a file add to its payload,
// at most: a thirty-second, and this.
const overhead = 64 << 10

// Inflow is one stream from a provider. One goroutine may read while another
// writes.
type Inflow struct {
	s    *Service
	t    *tab
	rw   io.ReadWriteCloser
	root string

	// The tab's mutex guards the rest.
	read     uint64 // bytes that came
	good     uint64 // of these, counted on the tab
	verified uint64 // payload, as the caller tells
	told     bool   // the caller tells
	waits    time.Time
	broken   bool // a read failed
	ended    bool
}

// Fetch begins a transfer from a peer that asks price per GiB. What it returns,
// an *Inflow or what also is an io.WriterTo where the stream is one, takes the
// stream's place: what is read from it is counted, and paid for by Run.
//
// Closing it says that all that came was good; Reset says nothing of what came
// last.
func (s *Service) Fetch(peer identity.PubKey, root string, price uint64, rw io.ReadWriteCloser) io.ReadWriteCloser {
	in := &Inflow{s: s, rw: rw, root: root}
	err := s.onTab(tabKey{peer, price}, func(t *tab) {
		in.t = t
		if len(t.flows) == 0 {
			t.reason = nil
		}
		t.flows[in] = true
	})
	if err != nil {
		// Nothing is counted, so nothing is paid: the provider ends it.
		s.log.Error("delivery: account", "peer", peer.Short(), "err", err)
		return rw
	}
	if to, ok := rw.(io.WriterTo); ok {
		return &inflowTo{in, to}
	}
	return in
}

// Verified tells how many bytes of payload that came on this stream were held
// against their CIDs so far. Without it the Inflow goes by its own signs.
func (in *Inflow) Verified(total uint64) {
	in.t.mu.Lock()
	defer in.t.mu.Unlock()
	in.told, in.verified = true, max(in.verified, total)
}

// count enters n bytes that came, and on the tab those that are good by now. The
// mutex is held.
func (in *Inflow) count(n int, now time.Time) {
	in.read += uint64(max(n, 0))
	in.t.rec.Fetched += uint64(max(n, 0))
	in.t.moved = now
	lag := in.s.cfg.Lag
	good := in.read - min(in.read, lag)
	if in.told { // nodes of folders may be as many as their files
		good = min(good, 2*in.verified+lag)
	}
	in.settle(good, now)
	if in.t.unstated() >= in.s.payAt(in.t) && in.t.rec.Open == nil {
		ask(in.s.kicks)
	}
}

// payAt is how many bytes of a tab are stated at once.
func (s *Service) payAt(t *tab) uint64 {
	if t.key.price == 0 {
		return s.cfg.FreeAt
	}
	return s.cfg.PayAt
}

// settle counts bytes as good up to a number of those that came. The mutex is
// held.
func (in *Inflow) settle(good uint64, now time.Time) {
	if good = min(good, in.read); good > in.good && !in.ended {
		in.t.add(in.root, good-in.good, now)
		in.good = good
	}
}

// rested counts what came as good when the reader has waited for more for
// Config.Pause: it has looked at all of it. The mutex is held.
func (in *Inflow) rested(now time.Time) {
	if in.waits.IsZero() || now.Sub(in.waits) < in.s.cfg.Pause {
		return
	}
	good := in.read
	if in.told {
		good = min(good, 2*in.verified+in.s.cfg.Lag)
	}
	in.settle(good, now)
}

// end takes the stream off the tab; orderly says that all that came was good.
func (in *Inflow) end(orderly bool) {
	now := time.Now()
	in.t.mu.Lock()
	defer in.t.mu.Unlock()
	switch {
	case in.ended:
		return
	case orderly && !in.broken:
		in.settle(in.read, now)
	case in.told:
		good := in.verified + in.verified/32 + overhead
		in.settle(good, now)
		in.t.takeBack(in.root, in.good-min(in.good, good))
	}
	in.ended = true
	delete(in.t.flows, in)
	in.t.moved = now
}

// begin and came stand around a read.
func (in *Inflow) begin() {
	in.t.mu.Lock()
	defer in.t.mu.Unlock()
	in.waits = time.Now()
}

func (in *Inflow) came(n int, err error) error {
	now := time.Now()
	in.t.mu.Lock()
	defer in.t.mu.Unlock()
	in.waits = time.Time{}
	if n > 0 {
		in.count(n, now)
	}
	in.broken = in.broken || err != nil && !errors.Is(err, io.EOF)
	// The provider's reason was told to the tab; the stream only broke.
	if err != nil && !errors.Is(err, io.EOF) && in.t.reason != nil {
		return fmt.Errorf("%w: %w", err, in.t.reason)
	}
	return err
}

// Read reads what the provider sends.
func (in *Inflow) Read(p []byte) (int, error) {
	in.begin()
	n, err := in.rw.Read(p)
	return n, in.came(n, err)
}

// inflowTo is an Inflow over a stream that can write to a file by itself.
type inflowTo struct {
	*Inflow
	to io.WriterTo
}

// WriteTo writes what comes to w until the stream's end, by its own WriteTo.
func (in *inflowTo) WriteTo(w io.Writer) (int64, error) {
	in.begin()
	n, err := in.to.WriteTo(tally{in.Inflow, w})
	return n, in.came(0, err)
}

// tally counts what passes on its way to a writer.
type tally struct {
	in *Inflow
	w  io.Writer
}

func (t tally) Write(p []byte) (int, error) {
	_ = t.in.came(len(p), nil)
	n, err := t.w.Write(p)
	t.in.begin()
	return n, err
}

// Write sends what the caller asks; it is not counted.
func (in *Inflow) Write(p []byte) (int, error) { return in.rw.Write(p) }

// Close ends the stream in order: what came is owed.
func (in *Inflow) Close() error {
	in.end(true)
	return in.rw.Close()
}

// Reset ends the stream at once: what had come last, as far as nobody told that
// it was good, is not owed.
func (in *Inflow) Reset() error {
	in.end(false)
	return resetOf(in.rw)
}

// SetDeadline sets the stream's deadlines, where it has some.
func (in *Inflow) SetDeadline(t time.Time) error { return deadlineOf(in.rw, t) }

// SetReadDeadline is SetDeadline for reads alone.
func (in *Inflow) SetReadDeadline(t time.Time) error { return readDeadlineOf(in.rw, t) }

// SetWriteDeadline is SetDeadline for writes alone.
func (in *Inflow) SetWriteDeadline(t time.Time) error { return writeDeadlineOf(in.rw, t) }

// CloseWrite tells the provider that nothing more is asked, where the stream can.
func (in *Inflow) CloseWrite() error { return closeWriteOf(in.rw) }
