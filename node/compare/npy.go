package compare

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// maxHeader is more than the header of any array needs.
const maxHeader = 16 << 10

// npyHeader is what NumPy writes: the keys in this order, ended by a new line
// and filled up with spaces.
var npyHeader = regexp.MustCompile(`^\{'descr': '([<>|=])([fiub])([1248])', 'fortran_order': (False|True), 'shape': \(([0-9, ]*)\), \} *\n$`)

// array describes the content of an NPY file (numpy.lib.format 1.0 to 3.0).
type array struct {
	element
	descr, order string
	shape        []int64
	count        int64
}

// readNPY reads the header; size is that of the file.
func readNPY(r io.Reader, size int64) (array, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return array{}, short(err)
	}
	if string(head[:6]) != "\x93NUMPY" || head[6] < 1 || head[6] > 3 {
		return array{}, fmt.Errorf("%w: no NPY file", ErrMalformed)
	}
	width := 2
	if head[6] > 1 {
		width = 4
	}
	length := make([]byte, 4)
	if _, err := io.ReadFull(r, length[:width]); err != nil {
		return array{}, short(err)
	}
	n := int64(binary.LittleEndian.Uint32(length))
	if n > maxHeader {
		return array{}, fmt.Errorf("%w: a header of %d bytes", ErrMalformed, n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return array{}, short(err)
	}
	a, err := parseNPY(string(text))
	if err == nil && a.count*a.size != size-8-int64(width)-n {
		err = fmt.Errorf("%w: %d bytes for %d numbers", ErrMalformed, size, a.count)
	}
	return a, err
}

func parseNPY(text string) (a array, err error) {
	m := npyHeader.FindStringSubmatch(text)
	if m == nil {
		return a, fmt.Errorf("%w: header %.80q", ErrMalformed, text)
	}
	name := map[string]string{"f": "F", "i": "I", "u": "U", "b": "U"}[m[2]] + map[string]string{"1": "8", "2": "16", "4": "32", "8": "64"}[m[3]]
	e, ok := elements(name)
	if !ok || m[2] == "b" && m[3] != "1" {
		return a, fmt.Errorf("%w: type %.8q", ErrMalformed, m[2]+m[3])
	}
	e.big = m[1] == ">"
	a = array{element: e, descr: m[1] + m[2] + m[3], order: m[4]}
	a.shape, a.count, err = parseShape(m[5])
	return a, err
}

// parseShape reads "", "3," or "3, 4".
func parseShape(s string) (shape []int64, count int64, err error) {
	count = 1
	if s == "" {
		return nil, count, nil
	}
	for i, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" && i == 1 && strings.HasSuffix(s, ",") {
			break
		}
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || i >= 32 {
			return nil, 0, fmt.Errorf("%w: shape %.40q", ErrMalformed, s)
		}
		if count, err = product(count, n); err != nil {
			return nil, 0, err
		}
		shape = append(shape, n)
	}
	return shape, count, nil
}

// product multiplies sizes. Errors: ErrMalformed beyond what a file can hold.
func product(a, b int64) (int64, error) {
	if a < 0 || b < 0 || b > 0 && a > math.MaxInt64/16/b {
		return 0, fmt.Errorf("%w: a tensor of %d times %d numbers", ErrMalformed, a, b)
	}
	return a * b, nil
}

// row is how many numbers belong together: those of the axis that lies closest.
func (a array) row() int64 {
	switch {
	case len(a.shape) == 0:
		return 1
	case a.order == "True":
		return a.shape[0]
	}
	return a.shape[len(a.shape)-1]
}

func compareNPY(ctx context.Context, f file, to sink) error {
	return f.with(func(a, b readFile) error {
		x, ea := readNPY(a, f.sizeA)
		y, eb := readNPY(b, f.sizeB)
		if err := readable(ea, eb); err != nil {
			return err
		}
		if x.descr != y.descr || x.order != y.order || fmt.Sprint(x.shape) != fmt.Sprint(y.shape) {
			return differ("arrays of different types or shapes")
		}
		return tensors(ctx, a, b, x.element, x.count, x.row(), to)
	})
}
