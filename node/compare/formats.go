package compare

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// readFile is a file that is read from its beginning to its end.
type readFile = fs.File

// maxLine bounds a line of JSONL.
const maxLine = 4 << 20

// format is a kind of file whose numbers can be compared. Limit is in bytes.
type format struct {
	limit   int64
	compare func(ctx context.Context, f file, to sink) error
}

// formatOf knows a file by the ending of its name.
func formatOf(name string) (format, bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".json":
		return format{MaxDocument, compareDocument}, true
	case ".jsonl", ".ndjson":
		return format{MaxStream, compareLines}, true
	case ".csv":
		return format{MaxDocument, compareCSV(',')}, true
	case ".tsv":
		return format{MaxDocument, compareCSV('\t')}, true
	case ".npy":
		return format{MaxStream, compareNPY}, true
	case ".safetensors":
		return format{MaxStream, compareTensors}, true
	case ".f64":
		return format{MaxStream, compareRaw("F64")}, true
	case ".f32":
		return format{MaxStream, compareRaw("F32")}, true
	case ".f16":
		return format{MaxStream, compareRaw("F16")}, true
	case ".bf16":
		return format{MaxStream, compareRaw("BF16")}, true
	}
	return format{}, false
}

// numbers hands the numbers of a file to a sink. Files of an unknown kind must be
// equal; equal ones are read as well where they can be, for their share in all.
func numbers(ctx context.Context, f file, to sink) error {
	kind, known := formatOf(f.path)
	if !known {
		return equal(ctx, f)
	}
	same, err := f.same(ctx)
	if err != nil {
		return err
	}
	if same {
		if f.sizeA > kind.limit {
			return nil
		}
		f.b = f.a
		var u *unclear
		if err := kind.compare(ctx, f, to); !errors.As(err, &u) {
			return err
		}
		return nil // unreadable, and equal nevertheless
	}
	if err := f.bounded(kind.limit); err != nil {
		return err
	}
	return kind.compare(ctx, f, to)
}

func compareDocument(ctx context.Context, f file, to sink) error {
	return f.with(func(a, b readFile) error {
		x, ea := whole(a)
		y, eb := whole(b)
		if err := readable(ea, eb); err != nil {
			return err
		}
		return compareJSON(ctx, x, y, to)
	})
}

// compareLines compares JSONL line by line; empty lines are not looked at.
func compareLines(ctx context.Context, f file, to sink) error {
	return f.with(func(a, b readFile) error {
		ra, rb := bufio.NewReaderSize(a, 64<<10), bufio.NewReaderSize(b, 64<<10)
		for n := 1; ; n++ {
			x, ea := line(ctx, ra)
			y, eb := line(ctx, rb)
			endA, endB := errors.Is(ea, io.EOF), errors.Is(eb, io.EOF)
			switch {
			case endA && endB:
				return nil
			case endA && eb == nil || endB && ea == nil:
				return differ("different numbers of lines")
			}
			if err := readable(running(ea), running(eb)); err != nil {
				return err
			}
			if err := compareLine(ctx, x, y, to); err != nil {
				return within("line "+strconv.Itoa(n), err)
			}
		}
	})
}

// running takes an end away: what ended is well as far as it goes.
func running(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// compareLine does not mind a line that is no JSON in both when it is the same.
func compareLine(ctx context.Context, x, y []byte, to sink) error {
	err := compareJSON(ctx, x, y, to)
	var u *unclear
	if errors.As(err, &u) && bytes.Equal(x, y) {
		return nil
	}
	return err
}

// line reads the next line that is not empty. Errors: io.EOF, ErrLarge.
func line(ctx context.Context, r *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part, err := r.ReadSlice('\n')
		out = append(out, part...)
		switch {
		case len(out) > maxLine:
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrLarge, maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		if s := (scanner{raw: out}); s.space() != 0 || s.pos < len(out) {
			return out, nil
		}
		if err != nil {
			return nil, io.EOF
		}
		out = out[:0]
	}
}

// compareCSV compares tables (RFC 4180) cell by cell. A cell is a number when it
// is one in both.
func compareCSV(comma rune) func(context.Context, file, sink) error {
	return func(ctx context.Context, f file, to sink) error {
		return f.with(func(a, b readFile) error {
			ra, rb := table(a, comma), table(b, comma)
			for n := 1; ; n++ {
				x, ea := ra.Read()
				y, eb := rb.Read()
				if err := ctx.Err(); err != nil {
					return err
				}
				endA, endB := errors.Is(ea, io.EOF), errors.Is(eb, io.EOF)
				switch {
				case endA && endB:
					return nil
				case endA && eb == nil || endB && ea == nil:
					return differ("different numbers of rows")
				}
				if err := readable(cells(running(ea)), cells(running(eb))); err != nil {
					return err
				}
				if err := compareCells(x, y, to); err != nil {
					return within("row "+strconv.Itoa(n), err)
				}
			}
		})
	}
}

func table(r io.Reader, comma rune) *csv.Reader {
	t := csv.NewReader(io.LimitReader(r, MaxDocument))
	t.Comma, t.FieldsPerRecord, t.ReuseRecord = comma, -1, true
	return t
}

func cells(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("%w: %w", ErrMalformed, p.Err)
	}
	return err
}

func compareCells(x, y []string, to sink) error {
	if len(x) != len(y) {
		return differ("%d and %d cells", min(len(x), len(y)), max(len(x), len(y)))
	}
	to.open()
	defer to.close()
	for i := range x {
		vx, intX, okX := parseCell(x[i])
		vy, intY, okY := parseCell(y[i])
		switch {
		case !okX || !okY:
			if x[i] != y[i] {
				return differ("%.60q and %.60q", min(x[i], y[i]), max(x[i], y[i]))
			}
		case intX && intY:
			to.whole(vx, vy, x[i] == y[i])
		default:
			to.number(vx, vy, wide)
		}
	}
	return nil
}

// parseCell reads a number as it is spelled in JSON, or "nan" and "inf" in any
// case with or without a sign.
func parseCell(s string) (v float64, isWhole, ok bool) {
	if isNumber([]byte(s)) {
		return parseNumber(s)
	}
	switch strings.ToLower(s) {
	case "nan":
		return parseNumber("NaN")
	case "inf", "+inf", "infinity", "+infinity":
		return parseNumber("Infinity")
	case "-inf", "-infinity":
		return parseNumber("-Infinity")
	}
	return 0, false, false
}

// compareRaw compares files of nothing but numbers, as one row.
func compareRaw(name string) func(context.Context, file, sink) error {
	return func(ctx context.Context, f file, to sink) error {
		e, _ := elements(name)
		if f.sizeA != f.sizeB {
			return differ("%d and %d bytes", min(f.sizeA, f.sizeB), max(f.sizeA, f.sizeB))
		}
		if f.sizeA%e.size != 0 {
			return &unclear{why: "not a whole number of values"}
		}
		return f.with(func(a, b readFile) error {
			return tensors(ctx, a, b, e, f.sizeA/e.size, f.sizeA/e.size, to)
		})
	}
}
