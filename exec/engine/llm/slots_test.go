package main

import "testing"

func TestPlace(t *testing.T) {
	t.Parallel()
	long := make([]int, 100)
	for i := range long {
		long[i] = 1000 + i
	}
	busy := &sequence{}
	of := func(cells []int, used uint64, seq *sequence) *slot { return &slot{cells: cells, used: used, seq: seq} }
	for name, tc := range map[string]struct {
		slots  []*slot
		prompt []int
		want   placement
		full   bool
	}{
		"the first of empty ones":           {[]*slot{of(nil, 0, nil), of(nil, 0, nil)}, []int{1, 2}, placement{0, -1, 0}, false},
		"where the beginning is":            {[]*slot{of(nil, 0, nil), of([]int{1, 2, 3}, 1, nil)}, []int{1, 2, 9}, placement{1, -1, 2}, false},
		"the longest beginning":             {[]*slot{of([]int{1, 2}, 9, nil), of([]int{1, 2, 3}, 1, nil)}, []int{1, 2, 3, 4}, placement{1, -1, 3}, false},
		"an empty one before a loss":        {[]*slot{of(long, 1, nil), of(nil, 0, nil)}, []int{1000, 5}, placement{1, -1, 0}, false},
		"the longest unused":                {[]*slot{of([]int{7}, 5, nil), of([]int{8}, 3, nil)}, []int{1}, placement{1, -1, 0}, false},
		"a copy of what is at work":         {[]*slot{of(long, 1, busy), of(nil, 0, nil)}, long[:50], placement{1, 0, 50}, false},
		"no copy of little":                 {[]*slot{of(long, 1, busy), of(nil, 0, nil)}, long[:10], placement{1, -1, 0}, false},
		"its own rather than a copy":        {[]*slot{of(long, 1, busy), of(long[:60], 2, nil)}, long[:80], placement{1, -1, 60}, false},
		"nothing of another salt":           {[]*slot{{cells: long, salt: "x"}, {cells: []int{5}}}, long[:50], placement{0, -1, 0}, false},
		"none when all are at work":         {[]*slot{of(long, 1, busy)}, long, placement{-1, -1, 0}, true},
		"a prompt that has to be new":       {[]*slot{of(long, 1, nil)}, nil, placement{0, -1, 0}, false},
		"a copy of an idle one's beginning": {[]*slot{of(long, 9, nil), of(nil, 0, nil)}, long[:40], placement{1, 0, 40}, false},
	} {
		got, ok := place(tc.slots, tc.prompt, "")
		if ok == tc.full || ok && got != tc.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, ok, tc.want)
		}
	}
}
