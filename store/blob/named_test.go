package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// What streams are named of large folders is small, bounded for all of them,
// and gone when they are.
func TestNamesOfManyStreams(t *testing.T) { // not beside others: it measures memory
	s := newStore(t)
	links := make([]link, 100_000)
	for i := range links {
		links[i].cid = leafCID(fmt.Append(nil, i))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var streams []*named
	err := error(nil)
	for len(streams) < 200 && err == nil {
		n := newNamed(s, leafCID(nil))
		err = n.add(links)
		streams = append(streams, n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapInuse) - int64(before.HeapInuse)
	t.Logf("%d streams, %d MiB", len(streams), grown>>20)
	if !errors.Is(err, errNamed) || grown > 400<<20 {
		t.Errorf("%d streams of 100,000 entries each take %d bytes: %v", len(streams), grown, err)
	}
	if !streams[0].has(links[7].cid) || streams[0].has(leafCID([]byte("other"))) {
		t.Error("the wrong things are named")
	}
	for _, n := range streams {
		n.release()
	}
	if left := s.named.Load(); left != 0 {
		t.Errorf("%d entries are left", left)
	}
	i, err := s.AddTree(t.Context(), writeTree(t, map[string]string{"a": "1", "b": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := parseCID(i.CID)
	ask := appendQuestion(appendHello(nil, c, 1<<20), question{cid: c, to: wholeRange})
	if err := s.ServeStream(t.Context(), struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(append(ask, frameDone)), io.Discard}, nil); err != nil || s.named.Load() != 0 {
		t.Errorf("a stream leaves %d: %v", s.named.Load(), err)
	}
}
