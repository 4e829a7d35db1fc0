package blob

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers runs ServeStream on fixed frames and returns what it sent.
func answers(t *testing.T, s *Store, frames []byte) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	err := s.ServeStream(t.Context(), struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(frames), &out}, nil)
	if len(s.uses) > 0 {
		t.Error("left in use")
	}
	return out.Bytes(), err
}

func TestFramesOfAStream(t *testing.T) {
	t.Parallel()
	c, err := parseCID("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4")
	if err != nil {
		t.Fatal(err)
	}
	b := appendHello(nil, c, 300)
	b = appendQuestion(b, question{cid: c, from: 1, to: 200, levels: 2, nodes: true})
	b = appendQuestion(b, question{cid: c, have: true})
	b = appendCredit(b, 128)
	b = appendTrim(b, 0, 130)
	id := "01551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"
	if got := hex.EncodeToString(b); got != "02"+id+"ac02"+"01"+id+"01c8010201"+"04"+id+"028001"+"03008201" {
		t.Errorf("frames are now %s", got)
	}
	m := appendMap(nil, []Span{{0, 1}, {5, 300}})
	if got := hex.EncodeToString(m); got != "02000104a702" {
		t.Errorf("a map is now %s", got)
	}
}

func TestServeRefusesBadFrames(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i := mustAdd(t, s, noise(1, 3<<20))
	c, _ := parseCID(i.CID)
	hello := slices.Clip(appendHello(nil, c, 1<<30))
	ask := slices.Clip(appendQuestion(hello, question{cid: c, to: wholeRange}))
	many := hello
	for range 2 * maxQuestions {
		many = appendQuestion(many, question{cid: c, from: 1 << 20, to: 2 << 20})
	}
	for name, frames := range map[string][]byte{
		"unknown frame":       append(hello, 9),
		"version 1":           append([]byte{1}, hello[1:]...),
		"window 2^64-1":       appendHello(nil, c, 1<<64-1),
		"credit overflows":    appendCredit(appendCredit(hello, maxCredit), 1<<31),
		"trim of nothing":     appendTrim(hello, 0, 0),
		"trim of the next":    appendTrim(ask, 1, 0),
		"backwards":           appendQuestion(hello, question{cid: c, from: 2, to: 1}),
		"unknown flags":       append(append(slices.Clip(append(hello, frameAsk)), c.KeyString()...), 0, 0, 0, 7),
		"not a CID":           append(append(hello, frameAsk), make([]byte, cidLen)...),
		"endless number":      append(append(hello, frameCredit), bytes.Repeat([]byte{0xff}, 20)...),
		"outside of the root": appendQuestion(hello, question{cid: leafCID([]byte("other")), to: 1}),
	} {
		_, err := answers(t, s, frames)
		if !errors.Is(err, ErrProtocol) && !(name == "endless number" && errors.Is(err, ErrCut)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// All at once is too many; read one by one they could be answered.
	in := newInbox(0)
	in.receive(bufio.NewReader(bytes.NewReader(many[len(hello):])))
	if !errors.Is(in.err, ErrProtocol) || len(in.queue) != maxQuestions {
		t.Errorf("%d questions: %v", len(in.queue), in.err)
	}
}

func TestRangesOfAnAnswer(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i := mustAdd(t, s, noise(1, 3<<20+5))
	c, _ := parseCID(i.CID)
	for name, tc := range map[string]struct {
		q      question
		blocks []int
	}{
		"everything":        {question{to: wholeRange}, []int{0, 1 << 20, 1 << 20, 1 << 20, 5}},
		"to the last byte":  {question{to: 1<<64 - 1}, []int{0, 1 << 20, 1 << 20, 1 << 20, 5}},
		"nodes":             {question{to: wholeRange, nodes: true}, []int{0}},
		"leaves":            {question{to: wholeRange, levels: 9}, []int{1 << 20, 1 << 20, 1 << 20, 5}},
		"nothing":           {question{from: 7, to: 7}, []int{0}},
		"one byte":          {question{from: 1<<20 + 1, to: 1<<20 + 2, levels: 1}, []int{1 << 20}},
		"two bytes, two":    {question{from: 1<<20 - 1, to: 1<<20 + 1, levels: 1}, []int{1 << 20, 1 << 20}},
		"beyond the end":    {question{from: 1 << 40, to: 1 << 41, levels: 1}, nil},
		"from 2^64-1":       {question{from: 1<<64 - 1, to: 1<<64 - 1, levels: 1}, nil},
		"across the end":    {question{from: 3 << 20, to: 1 << 40, levels: 1}, []int{5}},
		"a million levels":  {question{to: 1, levels: 1 << 20}, []int{1 << 20}},
		"nodes of one byte": {question{from: 1 << 20, to: 1<<20 + 1, nodes: true}, []int{0}},
	} {
		tc.q.cid = c
		out, err := answers(t, s, append(appendQuestion(appendHello(nil, c, 1<<40), tc.q), frameDone))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r := bufio.NewReader(bytes.NewReader(out[2:]))
		for _, want := range tc.blocks {
			n, err := readLength(r, 0, maxLeaf)
			if err != nil || (want > 0 && n != want) {
				t.Errorf("%s: block of %d bytes where %d were due: %v", name, n, want, err)
			}
			_, _ = r.Discard(n)
		}
		if _, err := readLength(r, 0, maxLeaf); !errors.Is(err, io.EOF) {
			t.Errorf("%s: no end: %v", name, err)
		}
	}
}

// Nothing is sent beyond what was granted, and a trim ends an answer that
// waits for credit.
func TestWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		i := mustAdd(t, s, noise(1, 8<<20))
		c, _ := parseCID(i.CID)
		here, there := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- s.ServeStream(t.Context(), there, nil) }()
		got := 0
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := here.Read(buf)
				if got += n; err != nil {
					return
				}
			}
		}()
		say := func(b []byte) {
			if _, err := here.Write(b); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			synctest.Wait()
		}
		say(appendQuestion(appendHello(nil, c, 1000), question{cid: c, to: wholeRange}))
		if got != 1000 {
			t.Errorf("%d bytes came for a window of 1000", got)
		}
		say(appendCredit(nil, 2<<20))
		if got != 1000+2<<20 {
			t.Errorf("%d bytes came for %d", got, 1000+2<<20)
		}
		say(appendTrim(nil, 0, 3<<20))
		say(appendCredit(nil, 16<<20))
		if got < 3<<20 || got > 4<<20+10_000 {
			t.Errorf("%d bytes came, trimmed to %d", got, 3<<20)
		}
		say([]byte{frameDone})
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = here.Close()
	})
}

// A peer that grants nothing and goes away does not keep the serving side.
func TestWindowOfAPeerThatLeft(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i := mustAdd(t, s, strings.NewReader("content"))
	c, _ := parseCID(i.CID)
	out, err := answers(t, s, appendQuestion(appendHello(nil, c, 3), question{cid: c, to: wholeRange}))
	if !errors.Is(err, ErrCut) || len(out) != 3 {
		t.Errorf("%q, %v", out, err)
	}
}

// A fetching side grants no more than its share of the memory.
func TestGrants(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for streams, want := range map[int]uint64{0: 16 << 20, 1: 16 << 20, 8: 8 << 20, 64: 1 << 20, 1000: 256 << 10} {
		if s.streams = streams; s.window() != want {
			t.Errorf("%d streams have %d bytes each", streams, s.window())
		}
	}
}

func TestMaps(t *testing.T) {
	t.Parallel()
	var many []Span
	for i := range uint64(3 * maxSpans) {
		many = append(many, Span{i * 10, i*10 + 1 + i%3})
	}
	got, err := readMap(bufio.NewReader(bytes.NewReader(appendMap(nil, many))))
	if err != nil || len(got) != maxSpans {
		t.Fatal(len(got), err)
	}
	for _, sp := range got {
		if !slices.Contains(many, sp) || sp.To-sp.From < 3 {
			t.Fatal(sp)
		}
	}
	h := &held{spans: []Span{{10, 20}, {30, 40}}}
	for sp, want := range map[Span]bool{{10, 20}: true, {11, 12}: true, {9, 11}: false, {19, 21}: false, {20, 30}: false, {30, 40}: true, {41, 41}: true, {50, 51}: false} {
		if h.covers(sp.From, sp.To) != want {
			t.Error(sp, want)
		}
	}
}

func FuzzMap(f *testing.F) {
	f.Add(appendMap(nil, []Span{{0, 1}, {5, 300}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		spans, err := readMap(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			return
		}
		at := uint64(0)
		for i, sp := range spans {
			if sp.From >= sp.To || sp.From < at || (i > 0 && sp.From == at) {
				t.Fatalf("%v in %v", sp, spans)
			}
			at = sp.To
		}
		again, err := readMap(bufio.NewReader(bytes.NewReader(appendMap(nil, spans))))
		if err != nil || !slices.Equal(spans, again) {
			t.Fatalf("%v became %v: %v", spans, again, err)
		}
	})
}
