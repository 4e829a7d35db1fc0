package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

// A search that finds holders without end does not fill the memory of a fetch.
func TestEndlessHolders(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	f := newFetch(s, leafCID([]byte("x")), Limits{}.withDefaults())
	for i := range 3 * mostPeers {
		f.addNew(Source{Name: fmt.Sprint(i), Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, errors.New("gone") }})
	}
	if len(f.queue) != mostPeers {
		t.Errorf("%d wait", len(f.queue))
	}
	for i := range 2 * mostPeers {
		p := f.queue[0]
		f.queue = f.queue[1:]
		if p.state = StateFailed; i%2 == 0 {
			p.state = StateBanned
		}
		f.peers = append(f.peers, p)
		f.addNew(Source{Name: fmt.Sprint("more ", i)})
		if len(f.peers) > mostPeers || len(f.queue) == 0 {
			break
		}
	}
	if len(f.peers) > mostPeers+1 {
		t.Errorf("%d are remembered", len(f.peers))
	}
	for _, p := range f.peers {
		if p.state == StateBanned {
			f.addNew(p.src)
			if f.queue[len(f.queue)-1].src.Name == p.src.Name {
				t.Fatal("one that lied is taken again")
			}
		}
	}
}
