package job

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func splitAll(r io.Reader, size uint32) (shards []string, lines []uint64, err error) {
	_, err = SplitLines(r, size, func(_ int, s *LineShard) error {
		raw, err := io.ReadAll(s)
		shards, lines = append(shards, string(raw)), append(lines, s.Lines())
		return err
	})
	return shards, lines, err
}

func TestSplitLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in     string
		size   uint32
		shards []string
		lines  []uint64
	}{
		{"", 2, nil, nil},
		{"\n \n\r\n", 2, nil, nil},
		{"a\nb\nc", 2, []string{"a\nb\n", "c\n"}, []uint64{2, 1}},
		{"a\n\nb\n\n", 1, []string{"a\n", "b\n"}, []uint64{1, 1}},
		{"a\nb\n", 9, []string{"a\nb\n"}, []uint64{2}},
	} {
		shards, lines, err := splitAll(iotest.OneByteReader(strings.NewReader(c.in)), c.size)
		if err != nil || !slices.Equal(shards, c.shards) || !slices.Equal(lines, c.lines) {
			t.Errorf("%q by %d: %q %v %v", c.in, c.size, shards, lines, err)
		}
	}
}

func TestSplitLinesLeavesAndLimits(t *testing.T) {
	t.Parallel()
	n, err := SplitLines(strings.NewReader("a\nb\nc\nd\n"), 2, func(int, *LineShard) error { return nil })
	if n != 2 || err != nil {
		t.Fatalf("what is not read must be skipped: %d %v", n, err)
	}
	if _, _, err := splitAll(strings.NewReader("ok\n"+strings.Repeat("x", MaxLine)+"y\n"), 5); !errors.Is(err, ErrLineTooLong) || !strings.Contains(err.Error(), "line 2") {
		t.Fatalf("%v", err)
	}
	broken := errors.New("broken")
	if _, _, err := splitAll(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 5); !errors.Is(err, broken) {
		t.Fatalf("%v", err)
	}
	if _, err := SplitLines(strings.NewReader("a\n"), 1, func(int, *LineShard) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("%v", err)
	}
	many := strings.NewReader(strings.Repeat("a\n", MaxShards+1))
	if _, err := SplitLines(many, 1, func(int, *LineShard) error { return nil }); err == nil {
		t.Fatal("no bound on shards")
	}
}

// TestSplitAndConcat: what is split and joined again is the lines it was.
func TestSplitAndConcat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[a-z]{1,9}`)).Draw(r, "lines")
		shards, _, err := splitAll(strings.NewReader(strings.Join(lines, "\n")), rapid.Uint32Range(1, 5).Draw(r, "size"))
		if err != nil {
			r.Fatal(err)
		}
		var out strings.Builder
		n, err := Concat(&out, len(shards), func(i int) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.TrimSuffix(shards[i], "\n"))), nil
		})
		if err != nil || n != int64(out.Len()) || out.String() != strings.Join(lines, "\n") {
			r.Fatalf("%q %d %v", out.String(), n, err)
		}
	})
}

func TestConcatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := Concat(io.Discard, 2, func(i int) (io.ReadCloser, error) {
		if i == 1 {
			return nil, broken
		}
		return io.NopCloser(strings.NewReader("x")), nil
	})
	if !errors.Is(err, broken) || !strings.Contains(fmt.Sprint(err), "part 1") {
		t.Fatalf("%v", err)
	}
}
