package provider

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/node/tasklog"
)

func TestLogsComeInOrderToEveryReader(t *testing.T) {
	t.Parallel()
	l := newLogs()
	read := func() string {
		var out strings.Builder
		for next := 0; ; {
			chunks, open, changed := l.from(next)
			for _, c := range chunks {
				out.Write(c.Data)
			}
			next += len(chunks)
			if len(chunks) > 0 {
				continue
			}
			if !open {
				return out.String()
			}
			<-changed
		}
	}
	var wg sync.WaitGroup
	got := make([]string, 4)
	for i := range got {
		wg.Go(func() { got[i] = read() })
	}
	var want strings.Builder
	for i := range 500 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		if n, err := l.writer(stdout).Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	l.close()
	l.close() // twice is no error
	if _, err := l.writer(stdout).Write([]byte("after the end")); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for i, s := range append(got, read()) {
		if s != want.String() {
			t.Errorf("reader %d got %d bytes, want %d", i, len(s), want.Len())
		}
	}
}

// Bounded by bytes and by pieces: a task that writes byte by byte takes no more
// memory than another.
func TestLogsAreBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 3 * tasklog.MaxChunk} {
		l := newLogs()
		piece := []byte(strings.Repeat("x", size))
		for range 2 * maxLogs / size {
			l.append(stderr, piece)
		}
		chunks, _, _ := l.from(0)
		total := 0
		for _, c := range chunks {
			if len(c.Data) > tasklog.MaxChunk {
				t.Fatalf("a chunk of %d bytes", len(c.Data))
			}
			total += len(c.Data)
		}
		if most := maxLogs / chunkCost; len(chunks) > most || total > maxLogs || total == 0 {
			t.Errorf("pieces of %d bytes: %d bytes in %d chunks are kept", size, total, len(chunks))
		}
	}
}

func TestTailOfOneStream(t *testing.T) {
	t.Parallel()
	l := newLogs()
	l.append(stderr, []byte("first "))
	l.append(stdout, []byte("other"))
	l.append(stderr, []byte("second\n"))
	for n, want := range map[int]string{100: "first second", 7: "second", 0: ""} {
		if got := l.tail(stderr, n); got != want {
			t.Errorf("last %d bytes: %q, want %q", n, got, want)
		}
	}
}
