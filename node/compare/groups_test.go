package compare_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"infernet.tech/infernet/node/compare"
)

// table answers by what is written: a letter for each pair of the results, whose
// content is their number.
type table [][]byte

func (table) Name() string { return "table" }

func (t table) Compare(_ context.Context, a, b fs.FS) (compare.Outcome, error) {
	var i, j int
	for _, f := range []struct {
		r fs.FS
		n *int
	}{{a, &i}, {b, &j}} {
		raw, err := fs.ReadFile(f.r, "n")
		if err != nil {
			return compare.Outcome{}, err
		}
		if _, err := fmt.Sscan(string(raw), f.n); err != nil {
			return compare.Outcome{}, err
		}
	}
	return compare.Outcome{Answer: map[byte]compare.Answer{'=': compare.Match, 'x': compare.Mismatch, '?': compare.Inconclusive}[t[i][j]], Why: "so"}, nil
}

func numbered(n int) (out []fs.FS) {
	for i := range n {
		out = append(out, one("n", []byte(fmt.Sprint(i))))
	}
	return out
}

func TestGroups(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		pairs  string // rows of the upper triangle
		n      int
		groups [][]int
		unsure []int
	}{
		{"", 0, nil, nil},
		{"", 1, [][]int{{0}}, nil},
		{"=", 2, [][]int{{0, 1}}, nil},
		{"x", 2, [][]int{{0}, {1}}, nil},
		{"?", 2, [][]int{{0}, {1}}, nil},
		{"== =", 3, [][]int{{0, 1, 2}}, nil},
		{"=x x", 3, [][]int{{0, 1}, {2}}, nil},
		{"x= x", 3, [][]int{{0, 2}, {1}}, nil},
		{"=? x", 3, [][]int{{0, 1}}, []int{2}},
		{"=x ?", 3, [][]int{{0, 1}}, []int{2}},
		{"=x =", 3, [][]int{{0, 1}}, []int{2}},        // the middle one matches both
		{"=xx xx =", 4, [][]int{{0, 1}, {2, 3}}, nil}, // a tie
		{"=?? ?? =", 4, [][]int{{0, 1}, {2, 3}}, nil}, // as much of one
		{"==x =x x", 4, [][]int{{0, 1, 2}, {3}}, nil}, //
		{"==xx =xx xx =", 5, [][]int{{0, 1, 2}, {3, 4}}, nil},
		{"==x? =xx xx =", 5, [][]int{{0, 1, 2}, {3}}, []int{4}},
	} {
		pairs := make(table, v.n)
		for i := range pairs {
			pairs[i] = make([]byte, v.n)
		}
		at := 0
		for i := range v.n {
			for j := i + 1; j < v.n; j++ {
				for v.pairs[at] == ' ' {
					at++
				}
				pairs[i][j], pairs[j][i] = v.pairs[at], v.pairs[at]
				at++
			}
		}
		groups, unsure, why, err := compare.Groups(t.Context(), pairs, numbered(v.n))
		if err != nil || !reflect.DeepEqual(groups, v.groups) || !slices.Equal(unsure, v.unsure) {
			t.Errorf("%q: %v, %v, %v", v.pairs, groups, unsure, err)
		}
		if clear := !slices.ContainsFunc([]byte(v.pairs), func(b byte) bool { return b != '=' && b != ' ' }); clear != (why == "") {
			t.Errorf("%q: %q", v.pairs, why)
		}
	}
}

// Whatever the answers are: each result is in one place, groups agree within,
// the first is as large as any can be, and who is below it was clearly different.
func TestGroupsProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	for range times(2000) {
		n := 1 + r.IntN(8)
		pairs := make(table, n)
		for i := range pairs {
			pairs[i] = make([]byte, n)
			for j := range i {
				pairs[i][j] = "=?xx="[r.IntN(3+r.IntN(3))]
				pairs[j][i] = pairs[i][j]
			}
		}
		groups, unsure, _, err := compare.Groups(t.Context(), pairs, numbered(n))
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(append(groups, unsure)...)
		slices.Sort(all)
		for i := range n {
			if len(all) != n || all[i] != i {
				t.Fatalf("%v %v of %d", groups, unsure, n)
			}
		}
		for k, g := range groups {
			if len(g) > len(groups[0]) {
				t.Fatalf("%v: not biggest first", groups)
			}
			for _, i := range g {
				for _, j := range g {
					if i != j && pairs[i][j] != '=' {
						t.Fatalf("%v: %d and %d do not match", groups, i, j)
					}
				}
				for _, j := range groups[0] {
					if k > 0 && len(g) < len(groups[0]) && pairs[i][j] != 'x' {
						t.Fatalf("%v: %d is not clearly different from %d", groups, i, j)
					}
				}
			}
		}
		for subset := range 1 << n {
			if agree(pairs, subset) > len(groups[0]) {
				t.Fatalf("%v: %b is larger", groups, subset)
			}
		}
	}
}

// agree is the size of a set all of whose members match, else 0.
func agree(pairs table, set int) (size int) {
	for i := range pairs {
		if set>>i&1 == 0 {
			continue
		}
		size++
		for j := range i {
			if set>>j&1 != 0 && pairs[i][j] != '=' {
				return 0
			}
		}
	}
	return size
}

func TestGroupsTooMany(t *testing.T) {
	t.Parallel()
	c := comparator(t, "exact")
	if _, _, _, err := compare.Groups(t.Context(), c, make([]fs.FS, 33)); !errors.Is(err, compare.ErrTooMany) {
		t.Errorf("%v", err)
	}
	same := make([]fs.FS, 32)
	for i := range same {
		same[i] = one("n", []byte("1"))
	}
	if groups, _, _, err := compare.Groups(t.Context(), c, same); err != nil || len(groups) != 1 || len(groups[0]) != 32 {
		t.Errorf("%v, %v", groups, err)
	}
	if _, _, _, err := compare.Groups(t.Context(), c, []fs.FS{same[0], broken{same[0]}}); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
}
