package sha

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// ways are the ways to hash that this processor has.
func ways(t testing.TB) map[string]func([][32]byte, [][]byte) {
	all := map[string]func([][32]byte, [][]byte){"chosen": Sum, "one by one": with(nil)}
	here := units()
	if len(here) == 0 {
		t.Log("no unit for many messages here: none is tried")
	}
	for _, u := range here {
		for _, least := range []float64{0, float64(u.width) / 3, float64(u.width)} {
			u.atLeast = least
			all[fmt.Sprintf("%s from %.1f", u.name, least)] = with([]unit{u})
		}
	}
	slices.Reverse(here)
	for i := range here {
		here[i].atLeast = 0.7 * float64(here[i].width)
	}
	all["all, the widest first"] = with(here)
	return all
}

func with(units []unit) func([][32]byte, [][]byte) {
	return func(sums [][32]byte, blocks [][]byte) { sum(sums, blocks, units) }
}

func check(t *testing.T, name string, hash func([][32]byte, [][]byte), blocks [][]byte) {
	t.Helper()
	sums := make([][32]byte, len(blocks)+1)
	hash(sums, blocks)
	for i, b := range blocks {
		if want := sha256.Sum256(b); sums[i] != want {
			t.Fatalf("%s: block %d of %d, %d bytes: %x, not %x", name, i, len(blocks), len(b), sums[i], want)
		}
	}
	if sums[len(blocks)] != ([32]byte{}) {
		t.Fatalf("%s: written past the blocks", name)
	}
}

func TestEveryLengthOfALane(t *testing.T) {
	t.Parallel()
	noise := make([]byte, (worthIt+3)*chunk)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, hash := range ways(t) {
		for size := range len(noise) + 1 {
			for _, count := range []int{1, 2, 3, 16, 17} {
				blocks := make([][]byte, count)
				for i := range blocks {
					blocks[i] = noise[(i*7)%(len(noise)-size+1):][:size]
				}
				check(t, name, hash, blocks)
			}
		}
	}
}

func TestAnyLengthsTogether(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(noise)
	ways := ways(t)
	for range 200 {
		limit := 1 << r.IntN(18)
		blocks := make([][]byte, r.IntN(70))
		for i := range blocks {
			n := r.IntN(limit)
			from := r.IntN(len(noise) - n)
			blocks[i] = noise[from : from+n : from+n]
		}
		for name, hash := range ways {
			check(t, name, hash, blocks)
		}
	}
}

func TestBigBlocks(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1<<20+33)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(noise)
	blocks := make([][]byte, 33)
	for i := range blocks {
		blocks[i] = noise[i : i+1<<20]
	}
	for name, hash := range ways(t) {
		check(t, name, hash, blocks)
		check(t, name, hash, append(blocks[:20:20], noise[:5], nil))
	}
}

func TestSumsTooShort(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic though there is no place for a sum")
		}
	}()
	Sum(make([][32]byte, 1), make([][]byte, 2))
}

func TestLanes(t *testing.T) {
	t.Parallel()
	for _, u := range chosen() {
		t.Logf("%s, %d lanes, from %.2f on", u.name, u.width, u.atLeast)
		if u.atLeast <= 0 || u.atLeast > float64(u.width) {
			t.Errorf("%s from %v of %d lanes on", u.name, u.atLeast, u.width)
		}
	}
	if n := Lanes(); n < 1 || n > most || len(units()) == 0 && n != 1 {
		t.Errorf("%d lanes of %d units", n, len(units()))
	}
}

func TestOnlyWhatWinsIsChosen(t *testing.T) {
	t.Parallel()
	two, many := unit{name: "two", width: 2}, unit{name: "many", width: 16}
	for _, c := range []struct {
		name            string
		alone, two, all time.Duration
		want            []string
	}{
		{"all as fast", 100, 100, 100, nil},
		{"both slower", 100, 120, 300, nil},
		{"the pair twice, the wide as fast", 100, 50, 49, []string{"two"}},
		{"the wide wins by far", 100, 50, 20, []string{"many", "two"}},
		{"the pair does not win", 100, 95, 50, []string{"many"}},
		{"no clock", 0, 0, 0, nil},
	} {
		var got []string
		for _, u := range choose(speeds{alone: c.alone, units: []unit{two, many}, took: []time.Duration{c.two, c.all}}) {
			if got = append(got, u.name); u.atLeast > float64(u.width) {
				t.Errorf("%s: %s from %v on", c.name, u.name, u.atLeast)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
	if got := choose(measure(nil)); got != nil {
		t.Errorf("%v chosen of nothing", got)
	}
}

// FuzzSum cuts the bytes into blocks where the cuts say.
func FuzzSum(f *testing.F) {
	f.Add([]byte("abc"), []byte{1, 1, 1})
	f.Add(make([]byte, 400), []byte{55, 56, 63, 64, 65, 0, 119, 120})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		var blocks [][]byte
		for _, cut := range cuts {
			n := min(int(cut)*int(cut), len(data))
			blocks = append(blocks, data[:n])
			data = data[n/2:]
		}
		for name, hash := range ways(t) {
			check(t, name, hash, blocks)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	for name, hash := range ways(b) {
		for _, size := range []int{10 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				blocks := make([][]byte, most)
				for i := range blocks {
					blocks[i] = make([]byte, size)
				}
				sums := make([][32]byte, most)
				b.SetBytes(int64(size * most))
				for b.Loop() {
					hash(sums, blocks)
				}
			})
		}
	}
}
