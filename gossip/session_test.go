package gossip_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// part is a node's part without a network.
type part struct {
	*gossip.Gossip
	id  identity.PubKey
	set *gossiptest.Set
}

func newPart(t testing.TB, n int, docs ...wire.Event) part {
	t.Helper()
	key := gossiptest.Key(t, 1_000_000+n)
	host, err := p2p.New(p2p.Default("test"), key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := part{id: key.PubKey(), set: &gossiptest.Set{}}
	if p.Gossip, err = gossip.New(gossip.Default(), host, p.set, nil); err != nil {
		t.Fatal(err)
	}
	p.add(t, docs...)
	return p
}

func (p part) add(t testing.TB, docs ...wire.Event) {
	t.Helper()
	for _, d := range docs {
		if _, err := p.set.Add(d.Bytes(), p.id); err != nil {
			t.Fatal(err)
		}
	}
}

// sync has one session, a asking.
func sync(t testing.TB, a, b part, limit uint64) gossip.SyncStats {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { defer far.Close(); done <- b.Answer(far, a.id, limit) }()
	stats, err := a.Ask(near, b.id, limit)
	near.Close()
	if other := <-done; err != nil || other != nil {
		t.Fatalf("session: %v; the other side: %v", err, other)
	}
	if stats.Sent+stats.Received > limit+1<<16 {
		t.Errorf("a session of %d bytes", stats.Sent+stats.Received)
	}
	return stats
}

func equal(a, b part) error {
	have := map[gossip.Item]bool{}
	for _, it := range a.set.Items() {
		have[it] = true
	}
	for _, it := range b.set.Items() {
		if !have[it] {
			return fmt.Errorf("a document of %d is missing", it.At)
		}
		delete(have, it)
	}
	if len(have) > 0 {
		return fmt.Errorf("%d documents are missing on the other side", len(have))
	}
	return nil
}

// digests makes one document for each author.
func digests(t testing.TB, from, to int, at time.Time, size int) (out []wire.Event) {
	for n := from; n < to; n++ {
		out = append(out, gossiptest.Document(t, gossiptest.Key(t, n), gossiptest.Replaced, at.Add(time.Duration(n%3600)*-time.Second), size))
	}
	return out
}

func TestSessionMakesSetsEqual(t *testing.T) {
	t.Parallel()
	now := time.Now()
	all := digests(t, 0, 120, now, 900)
	fraud := gossiptest.Document(t, gossiptest.Key(t, 3), gossiptest.Kept, now, 2000)
	for name, c := range map[string]struct{ a, b []wire.Event }{
		"nothing":     {},
		"equal":       {all, all},
		"from one":    {all, nil},
		"to one":      {nil, all},
		"both ways":   {all[:80], all[40:]},
		"one differs": {append([]wire.Event{fraud}, all...), all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newPart(t, 0, c.a...), newPart(t, 1, c.b...)
			s := sync(t, a, b, gossip.MaxSession)
			if err := equal(a, b); err != nil {
				t.Error(err)
			}
			if again := sync(t, b, a, gossip.MaxSession); again.New+again.Given > 0 || again.Sent+again.Received > 600 {
				t.Errorf("equal sets told each other %+v", again)
			}
			t.Logf("%+v", s)
		})
	}
}

// What a newer document replaced travels in neither direction.
func TestReplacedDocumentsStay(t *testing.T) {
	t.Parallel()
	now := time.Now()
	old, young := digests(t, 0, 100, now.Add(-24*time.Hour), 2000), digests(t, 0, 100, now, 2000)
	a, b := newPart(t, 0, old...), newPart(t, 1, old...)
	a.add(t, young[:50]...)
	b.add(t, young[50:]...)
	s := sync(t, a, b, gossip.MaxSession)
	if err := equal(a, b); err != nil {
		t.Fatal(err)
	}
	if s.New != 50 || s.Given != 50 {
		t.Errorf("%d came and %d went, want 50 each: %+v", s.New, s.Given, s)
	}
	if extra := int(s.Sent+s.Received) - a.set.Size(); extra > a.set.Size()/20*2 {
		t.Errorf("%d bytes beside the documents' %d", extra, a.set.Size())
	}
}

// A session ends at its limit, and the next goes on from there.
func TestLimitedSessions(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, limit := range []uint64{gossip.MaxRelayed, 1 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			a, b := newPart(t, 0, digests(t, 0, 300, now, 2500)...), newPart(t, 1, digests(t, 200, 500, now, 2500)...)
			before, total := a.set.Len()+b.set.Len(), 0
			for n := 1; ; n++ {
				s := sync(t, a, b, limit)
				total += s.New + s.Given
				if !s.Limited {
					t.Logf("%d sessions", n)
					break
				}
				if s.New+s.Given == 0 || n > 40 {
					t.Fatalf("no progress in session %d: %+v", n, s)
				}
			}
			if err := equal(a, b); err != nil {
				t.Error(err)
			}
			if total != a.set.Len()+b.set.Len()-before {
				t.Errorf("%d documents travelled, %d were missing", total, a.set.Len()+b.set.Len()-before)
			}
		})
	}
}

// Two halves of a network, a day apart: all agree after three rounds.
func TestHalvesAgree(t *testing.T) {
	t.Parallel()
	const nodes, size = 20, 1800
	authors, changed := 1000, 24
	if underRace {
		authors, changed = 250, 6
	}
	synctest.Test(t, func(t *testing.T) {
		base := digests(t, 0, authors, time.Now(), size)
		parts := make([]part, nodes)
		whole := newPart(t, nodes, base...)
		for i := range parts {
			parts[i] = newPart(t, i)
			parts[i].set.Take(whole.set)
		}
		<-time.After(24 * time.Hour)
		fresh := digests(t, 0, changed, time.Now(), size)
		for i, p := range parts {
			p.add(t, fresh[i%2*changed/2:][:changed/2]...)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		var bytes uint64
		rounds := 0
		for agree := false; !agree; rounds++ {
			if rounds == 3 {
				t.Fatal("no agreement after three rounds")
			}
			for i, p := range parts {
				<-time.After(3 * time.Second)
				for range 2 { // one at random, one trusted: here, another at random
					if q := parts[rng.IntN(nodes)]; q.id != p.id {
						s := sync(t, parts[i], q, gossip.MaxSession)
						bytes += 2 * (s.Sent + s.Received) // both ends carry them
					}
				}
			}
			agree = true
			for _, p := range parts[1:] {
				agree = agree && equal(parts[0], p) == nil
			}
		}
		share := float64(bytes) / nodes / float64(parts[0].set.Size())
		t.Logf("%d rounds; %.0f bytes a node, %.2f%% of a copy of %d bytes", rounds, float64(bytes)/nodes, 100*share, parts[0].set.Size())
		if share >= 0.05 {
			t.Errorf("%.1f%% of a full copy", 100*share)
		}
	})
}

// What a set refuses is not sent to it again and again, and does not keep
// anything else from arriving.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, b := newPart(t, 0, digests(t, 0, 250, now, 700)...), newPart(t, 1)
	unwanted := map[identity.PubKey]bool{}
	for n := range 200 {
		unwanted[gossiptest.Key(t, n).PubKey()] = true
	}
	b.set.Refuse = func(e wire.Event) bool { return unwanted[e.PubKey] }
	var sent []uint64
	for n := 0; n < 200 && b.set.Len() < 50; n++ { // what is offered is drawn by lot
		s := sync(t, a, b, gossip.MaxRelayed)
		sent = append(sent, s.Sent)
	}
	if b.set.Len() != 50 {
		t.Errorf("%d of the 50 documents wanted arrived", b.set.Len())
	}
	for range 15 {
		sync(t, a, b, gossip.MaxRelayed)
		sync(t, b, a, gossip.MaxRelayed)
	}
	if s := sync(t, a, b, gossip.MaxRelayed); s.Given > 0 || s.New > 0 {
		t.Errorf("refused documents travel for ever: %+v after %v", s, sent)
	}
	if s := sync(t, b, a, gossip.MaxRelayed); s.Given > 0 || s.Received > 20_000 {
		t.Errorf("refused documents are asked for again: %+v", s)
	}
}

func frame(kind byte, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(body))), body...)
}

// pipe reads from one buffer and forgets what is written.
type pipe struct {
	io.Reader
	io.Writer
}

func TestHostileFrames(t *testing.T) {
	t.Parallel()
	now := time.Now()
	docs := digests(t, 0, 60, now, 800)
	p := newPart(t, 0, docs[:50]...)
	peer := gossiptest.Key(t, 77).PubKey()
	end := frame(6, 0)
	recon := frame(1, 0x61, 0, 0, 2, 0) // an answer: nothing is held
	doc := frame(3+1, docs[55].Bytes()...)
	forged := bytes.Replace(doc, []byte(`"sig":"`), []byte(`"sig":"00`), 1)[:len(doc)]
	id := docs[55].ID
	wants := frame(1, append([]byte{0x61, 0, 0, 2, 1}, id[:]...)...) // an answer: only docs[55] is held
	for name, c := range map[string]struct {
		asked  []byte // to who answers
		answer []byte // to who asks
	}{
		"nothing":             {nil, nil},
		"unknown frame":       {frame(9), frame(9)},
		"cut":                 {frame(1, 1, 2)[:4], recon[:4]},
		"too large":           {[]byte{1, 0xff, 0xff}, []byte{1, 0xff, 0xff}},
		"document too large":  {[]byte{4, 0x40, 1}, []byte{4, 0x40, 1}},
		"bad negentropy":      {append(frame(1, 0x61, 9), end...), append(frame(1, 0x61, 9), end...)},
		"no negentropy":       {append(frame(1), end...), end},
		"end with more":       {frame(6, 2), append(append([]byte{}, recon...), frame(6, 0, 0)...)},
		"twice":               {append(recon, recon...), append(recon, recon...)},
		"ids cut":             {append(frame(2, 1, 2, 3), end...), nil},
		"offers cut":          {append(frame(3, 1, 2, 3), end...), nil},
		"recon after ask":     {append(frame(2), recon...), nil},
		"document first":      {append(doc, end...), append(doc, end...)},
		"unasked document":    {bytes.Join([][]byte{frame(2), end, doc, end}, nil), bytes.Join([][]byte{recon, end, doc, end}, nil)},
		"forged document":     {bytes.Join([][]byte{frame(3, make([]byte, 24)...), end, forged, end}, nil), bytes.Join([][]byte{wants, end, forged, end}, nil)},
		"offers unanswered":   {nil, bytes.Join([][]byte{recon, end, end}, nil)},
		"answer of any width": {nil, bytes.Join([][]byte{recon, end, frame(5, 1), end}, nil)},
	} {
		for side, in := range map[string][]byte{"asked": c.asked, "answered": c.answer} {
			if in == nil && name != "nothing" {
				continue
			}
			rw := pipe{bytes.NewReader(in), io.Discard}
			var err error
			if side == "asked" {
				err = p.Answer(rw, peer, gossip.MaxSession)
			} else {
				_, err = p.Ask(rw, peer, gossip.MaxSession)
			}
			if !errors.Is(err, gossip.ErrProtocol) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: %v", name, side, err)
			}
		}
	}
	if p.set.Len() != 50 {
		t.Errorf("%d documents are held, want 50", p.set.Len())
	}
	if _, err := p.Ask(pipe{bytes.NewReader(frame(7)), io.Discard}, peer, gossip.MaxSession); !errors.Is(err, gossip.ErrBusy) {
		t.Errorf("a busy peer: %v", err)
	}
}

// A peer that never agrees is given up after a number of rounds and bytes.
func TestEndlessSession(t *testing.T) {
	t.Parallel()
	p := newPart(t, 0, digests(t, 0, 100, time.Now(), 500)...)
	lie := append(frame(1, append([]byte{0x61, 0, 0, 1}, make([]byte, 16)...)...), frame(6, 0)...)
	s, err := p.Ask(pipe{bytes.NewReader(bytes.Repeat(lie, 1000)), io.Discard}, p.id, gossip.MaxSession)
	if err != nil || !s.Limited || s.Rounds > 24 || s.New+s.Given > 0 {
		t.Errorf("%+v, %v", s, err)
	}
	err = p.Answer(pipe{bytes.NewReader(bytes.Repeat(lie, 1000)), io.Discard}, p.id, gossip.MaxSession)
	if !errors.Is(err, gossip.ErrProtocol) {
		t.Errorf("endless questions: %v", err)
	}
}

func FuzzSession(f *testing.F) {
	docs := digests(f, 0, 40, time.Now(), 500)
	p := newPart(f, 0, docs[:35]...)
	end := frame(6, 0)
	d := frame(4, docs[38].Bytes()...)
	f.Add(append(frame(1, 0x61, 0, 0, 2, 0), end...))
	f.Add(bytes.Join([][]byte{frame(2, docs[1].ID[:]...), frame(3, make([]byte, 24)...), end, d, end}, nil))
	f.Add(bytes.Join([][]byte{frame(1, append([]byte{0x61, 0, 0, 2, 1}, docs[38].ID[:]...)...), end, d, frame(5, 0, 0, 0, 0, 0), end, end}, nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		_ = p.Answer(pipe{bytes.NewReader(in), &out}, p.id, gossip.MaxRelayed)
		if out.Len() > gossip.MaxRelayed+gossip.MaxFrame {
			t.Errorf("%d bytes of answers", out.Len())
		}
		s, _ := p.Ask(pipe{bytes.NewReader(in), io.Discard}, p.id, gossip.MaxRelayed)
		if s.Sent > gossip.MaxRelayed+gossip.MaxFrame {
			t.Errorf("%+v", s)
		}
	})
}

// forger is a set that shows a document by its true id with a date of its own.
type forger struct {
	of wire.Event
	at time.Time
}

func (f forger) Items() []gossip.Item {
	return []gossip.Item{{At: f.of.CreatedAt, ID: f.of.ID}}
}

func (f forger) Get([32]byte) ([]byte, bool) {
	e := f.of
	e.CreatedAt = f.at.Unix()
	return e.Bytes(), true
}

func (forger) Add([]byte, identity.PubKey) (bool, error) { return false, nil }

// TestForgedDatesCensorNothing wants a document to come although somebody had
// sent one under its id that is not to be taken yet.
func TestForgedDatesCensorNothing(t *testing.T) {
	t.Parallel()
	now := time.Now()
	doc := gossiptest.Document(t, gossiptest.Key(t, 3), gossiptest.Kept, now, 900)
	host, err := p2p.New(p2p.Default("test"), gossiptest.Key(t, 9), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	liar, err := gossip.New(gossip.Default(), host, forger{doc, now.Add(24 * time.Hour)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, talk := range map[string]func(a part, near, far net.Conn) error{
		"asked": func(a part, near, far net.Conn) error {
			go func() { defer far.Close(); _ = liar.Answer(far, a.id, gossip.MaxSession) }()
			_, err := a.Ask(near, gossiptest.Key(t, 9).PubKey(), gossip.MaxSession)
			return err
		},
		"asking": func(a part, near, far net.Conn) error {
			go func() { defer far.Close(); _, _ = liar.Ask(far, a.id, gossip.MaxSession) }()
			return a.Answer(near, gossiptest.Key(t, 9).PubKey(), gossip.MaxSession)
		},
	} {
		a, b := newPart(t, 0), newPart(t, 1, doc)
		near, far := net.Pipe()
		if err := talk(a, near, far); !errors.Is(err, gossip.ErrProtocol) {
			t.Errorf("%s: a forged document is nobody's fault: %v", name, err)
		}
		near.Close()
		sync(t, a, b, gossip.MaxSession)
		if !a.set.Has(doc) {
			t.Errorf("%s: a forged date keeps the true document out", name)
		}
	}
}
