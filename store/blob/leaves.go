package blob

import (
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/ipfs/go-cid"
)

const (
	// maxLeaves bounds the leaves of a file that is fetched: 16 TiB in the
	// profile. Two bits of memory each.
	maxLeaves = 1 << 24
	// maxRuns bounds what is kept to find a leaf: a node with leaves is a run.
	maxRuns = 1 << 18
	// keptDecoded is how many decoded nodes a table keeps at hand.
	keptDecoded = 4
)

// leafRun is some leaves that follow each other in one node.
type leafRun struct {
	node   cid.Cid
	link   int    // of the first one
	first  uint64 // its number in the file
	offset uint64 // where its payload begins
}

// leafTable finds the leaves of a file by their number without holding them:
// it keeps where each node with leaves begins and reads nodes when needed.
type leafTable struct {
	runs  []leafRun
	count uint64
	size  uint64 // payload bytes
	get   func(cid.Cid) (*node, error)

	mu      sync.Mutex
	decoded []decodedRun // used lately, the last one last
}

type decodedRun struct {
	run    int
	leaves []step
}

// add appends the leaf st, which is link i of the node in. Errors: ErrTooBig.
func (t *leafTable) add(in cid.Cid, i int, st step) error {
	if n := len(t.runs); n == 0 || i == 0 || t.runs[n-1].node != in ||
		uint64(i-t.runs[n-1].link) != t.count-t.runs[n-1].first {
		t.runs = append(t.runs, leafRun{node: in, link: i, first: t.count, offset: st.offset})
	}
	t.count++
	t.size = st.offset + st.size
	if t.count > maxLeaves || len(t.runs) > maxRuns {
		return fmt.Errorf("%w: file of more than %d blocks", ErrTooBig, t.count-1)
	}
	return nil
}

// leaf returns leaf number i. Safe for several goroutines.
func (t *leafTable) leaf(i uint64) (step, error) {
	if i >= t.count {
		return step{}, fmt.Errorf("%w: leaf %d of %d", ErrDAG, i, t.count)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	run := sort.Search(len(t.runs), func(k int) bool { return t.runs[k].first > i }) - 1
	leaves, err := t.decode(run)
	if err != nil {
		return step{}, err
	}
	return leaves[i-t.runs[run].first], nil
}

// decode lists the leaves of a run.
func (t *leafTable) decode(run int) ([]step, error) {
	if k := slices.IndexFunc(t.decoded, func(d decodedRun) bool { return d.run == run }); k >= 0 {
		d := t.decoded[k]
		t.decoded = append(slices.Delete(t.decoded, k, k+1), d)
		return d.leaves, nil
	}
	r := t.runs[run]
	n, err := t.get(r.node)
	if err != nil {
		return nil, err
	}
	end := t.count
	if run+1 < len(t.runs) {
		end = t.runs[run+1].first
	}
	leaves := make([]step, end-r.first)
	at := r.offset
	for i := range leaves {
		leaves[i] = step{cid: n.links[r.link+i].cid, size: n.sizes[r.link+i], offset: at}
		at += leaves[i].size
	}
	if len(t.decoded) == keptDecoded {
		t.decoded = slices.Delete(t.decoded, 0, 1)
	}
	t.decoded = append(t.decoded, decodedRun{run, leaves})
	return leaves, nil
}

// begin returns where leaf number i begins; of the one after the last, the end.
func (t *leafTable) begin(i uint64) (uint64, error) {
	if i == t.count {
		return t.size, nil
	}
	st, err := t.leaf(i)
	return st.offset, err
}

// within returns the leaves that lie whole in the payload bytes of sp.
func (t *leafTable) within(sp Span) (from, to uint64, err error) {
	if from, err = t.from(sp.From); err != nil {
		return 0, 0, err
	}
	if to, err = t.from(min(sp.To, t.size)); err != nil || sp.To >= t.size {
		return from, max(from, to), err
	}
	// A leaf that begins before the end and ends after it is not whole.
	if at, err := t.begin(to); err != nil || (at > sp.To && to > from) {
		return from, to - 1, err
	}
	return from, max(from, to), nil
}

// from returns the number of the first leaf that begins at or after byte x.
func (t *leafTable) from(x uint64) (uint64, error) {
	if x >= t.size {
		return t.count, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	run := sort.Search(len(t.runs), func(k int) bool { return t.runs[k].offset > x }) - 1
	leaves, err := t.decode(run)
	if err != nil {
		return 0, err
	}
	k := sort.Search(len(leaves), func(k int) bool { return leaves[k].offset >= x })
	return t.runs[run].first + uint64(k), nil
}

// bitmap is a set of leaves.
type bitmap []uint64

func newBitmap(n uint64) bitmap    { return make(bitmap, (n+63)/64) }
func (b bitmap) has(i uint64) bool { return b[i/64]>>(i%64)&1 == 1 }
func (b bitmap) set(i uint64)      { b[i/64] |= 1 << (i % 64) }
func (b bitmap) clear(i uint64)    { b[i/64] &^= 1 << (i % 64) }

// runs calls fn for each run of leaves in the set, of n in all.
func (b bitmap) runs(n uint64, fn func(from, to uint64) error) error {
	for i := uint64(0); i < n; i++ {
		if !b.has(i) {
			continue
		}
		from := i
		for i < n && b.has(i) {
			i++
		}
		if err := fn(from, i); err != nil {
			return err
		}
	}
	return nil
}
