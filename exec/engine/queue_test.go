package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestQueueIsFair compares the queue with what fairness means, over random
// arrivals, departures and turns.
func TestQueueIsFair(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var q queue
		waiting := map[string][]*waiter{}
		total := 0
		since := map[string]int{} // turns that others had while this tenant waited
		for range 2000 {
			tenant := fmt.Sprint("t", rnd.IntN(6)*rnd.IntN(2)) // t0 asks most
			switch rnd.IntN(5) {
			case 0, 1:
				w := &waiter{tenant: tenant}
				q.push(w)
				waiting[tenant] = append(waiting[tenant], w)
				total++
			case 2:
				if line := waiting[tenant]; len(line) > 0 {
					i := rnd.IntN(len(line))
					if !q.remove(line[i]) || q.remove(line[i]) {
						t.Fatalf("seed %d: remove", seed)
					}
					waiting[tenant] = append(append([]*waiter{}, line[:i]...), line[i+1:]...)
					total--
				}
			default:
				w := q.pop()
				if (w == nil) != (total == 0) {
					t.Fatalf("seed %d: popped %v of %d", seed, w, total)
				}
				if w == nil {
					continue
				}
				if waiting[w.tenant][0] != w {
					t.Fatalf("seed %d: %s out of order", seed, w.tenant)
				}
				waiting[w.tenant] = waiting[w.tenant][1:]
				total--
				since[w.tenant] = 0
				for other, line := range waiting {
					if other != w.tenant && len(line) > 0 {
						if since[other]++; since[other] > 6 {
							t.Fatalf("seed %d: %s waits for %d turns of 6 tenants", seed, other, since[other])
						}
					}
				}
			}
			for tenant, line := range waiting {
				if len(line) == 0 {
					since[tenant] = 0
				}
				if q.of(tenant) != len(line) {
					t.Fatalf("seed %d: %d of %s wait, want %d", seed, q.of(tenant), tenant, len(line))
				}
			}
			if q.len() != total || len(q.lines) > total || q.turns.Len() != len(q.lines) {
				t.Fatalf("seed %d: %d wait in %d lines, want %d", seed, q.len(), len(q.lines), total)
			}
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var all string
	tl := tail{max: 10}
	for i := range 200 {
		word := fmt.Sprintf("%d,", i*i*i)
		all += word
		if n, err := tl.Write([]byte(word)); n != len(word) || err != nil {
			t.Fatal(n, err)
		}
		if want := all[max(0, len(all)-10):]; tl.String() != want {
			t.Fatalf("%q, want %q", tl.String(), want)
		}
		if len(tl.buf) > 20 {
			t.Fatalf("%d bytes are kept", len(tl.buf))
		}
	}
	_, _ = tl.Write([]byte("a long line that is more than all"))
	if tl.String() != "re than all"[1:] {
		t.Errorf("%q", tl.String())
	}
	none := tail{}
	if _, _ = none.Write([]byte("x")); none.String() != "" {
		t.Errorf("%q", none.String())
	}
}
