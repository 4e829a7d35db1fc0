package openai

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// line is one request of a batch.
type line struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      string          `json:"url"`
	Body     json.RawMessage `json:"body"`

	number int // from 1, blank lines counted
	model  string
}

// plan is what is known of a batch once its whole input was read.
type plan struct {
	lines  int
	model  string // of all lines; "" when there are several
	noJob  string // why it cannot run as a job; "" when it can
	faults []fault
}

const (
	maxFaults   = 100 // told of one batch
	maxCustomID = 512
)

// checker reads a batch's input line by line.
type checker struct {
	kind     kind
	max      int64 // bytes of a body
	maxLines int
	plan     plan
	seen     map[[16]byte]bool // custom ids, hashed: they may be long and many
}

// check reads the whole input of a batch and tells everything that is wrong.
func check(path string, k kind, cfg Config) (plan, error) {
	c := checker{kind: k, max: cfg.MaxBody, maxLines: cfg.MaxLines, seen: map[[16]byte]bool{}}
	if k.path != chatKind.path {
		c.plan.noJob = "only chat completions run as a job"
	}
	err := eachLine(path, cfg.MaxBody, func(number int, raw []byte) error {
		if c.plan.lines++; c.plan.lines > c.maxLines {
			c.fault("too_many_requests", 0, "", "more than %d requests", c.maxLines)
			return io.EOF
		}
		if _, e := c.line(number, raw); e != nil {
			c.plan.faults = append(c.plan.faults, *e)
		}
		if len(c.plan.faults) >= maxFaults {
			return io.EOF
		}
		return nil
	})
	var long errLong
	switch {
	case errors.As(err, &long):
		c.fault("line_too_long", int(long), "", "longer than %d bytes", cfg.MaxBody)
	case err != nil && !errors.Is(err, io.EOF):
		return c.plan, err
	}
	if c.plan.lines == 0 && len(c.plan.faults) == 0 {
		c.fault("empty_file", 0, "", "the file holds no request")
	}
	return c.plan, nil
}

func (c *checker) fault(code string, number int, param, format string, args ...any) {
	c.plan.faults = append(c.plan.faults, newFault(code, number, param, format, args...))
}

func newFault(code string, number int, param, format string, args ...any) fault {
	f := fault{Code: code, Message: fmt.Sprintf(format, args...)}
	if param != "" {
		f.Param = param
	}
	if number > 0 {
		f.Line = number
	}
	return f
}

// line checks one line.
func (c *checker) line(number int, raw []byte) (line, *fault) {
	l, e := parseLine(number, raw)
	if e == nil {
		e = c.fields(l)
	}
	if e != nil {
		return l, e
	}
	q, err := c.kind.read(l.Body)
	if err != nil {
		known := oai.AsError(err)
		f := newFault("invalid_body", number, "body."+known.Param, "%s", known.Message)
		return l, &f
	}
	if q.stream {
		f := newFault("invalid_body", number, "body.stream", "requests of a batch are not streamed")
		return l, &f
	}
	l.model = q.model
	switch {
	case c.plan.lines == 1:
		c.plan.model = q.model
	case c.plan.model != q.model:
		c.plan.model = ""
		c.noJob("line %d asks for another model than those before it", number)
	}
	if c.plan.noJob == "" {
		if _, why := jobLine(l); why != "" {
			c.noJob("line %d: %s", number, why)
		}
	}
	return l, nil
}

func (c *checker) noJob(format string, args ...any) {
	if c.plan.noJob == "" {
		c.plan.noJob = fmt.Sprintf(format, args...)
	}
}

// fields checks what is around the body.
func (c *checker) fields(l line) *fault {
	sum := sha256.Sum256([]byte(l.CustomID))
	id := [16]byte(sum[:16])
	var f fault
	switch {
	case l.CustomID == "":
		f = newFault("missing_required_parameter", l.number, "custom_id", "custom_id is missing")
	case len(l.CustomID) > maxCustomID:
		f = newFault("invalid_custom_id", l.number, "custom_id", "longer than %d bytes", maxCustomID)
	case c.seen[id]:
		f = newFault("duplicate_custom_id", l.number, "custom_id", "%.100q was used by an earlier line", l.CustomID)
	case l.Method != "POST":
		f = newFault("invalid_method", l.number, "method", "%.20q: POST is the only one", l.Method)
	case l.URL != c.kind.path:
		f = newFault("invalid_url", l.number, "url", "%.60q is not the endpoint of the batch, %s", l.URL, c.kind.path)
	case len(l.Body) == 0:
		f = newFault("missing_required_parameter", l.number, "body", "body is missing")
	default:
		c.seen[id] = true
		return nil
	}
	return &f
}

// parseLine reads a line strictly.
func parseLine(number int, raw []byte) (line, *fault) {
	l := line{number: number}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		code := "invalid_json_line"
		if strings.Contains(err.Error(), "unknown field") {
			code = "unknown_parameter"
		}
		f := newFault(code, number, "", "not the JSON object that is expected: %s", short(err.Error()))
		return l, &f
	}
	if dec.More() {
		f := newFault("invalid_json_line", number, "", "something follows the JSON object")
		return l, &f
	}
	return l, nil
}

// short cuts a text that may quote a stranger's.
func short(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}

// errLong is the number of a line that is over the limit.
type errLong int

// Error implements error.
func (e errLong) Error() string { return fmt.Sprintf("line %d is too long", int(e)) }

// eachLine calls fn with each line of a file that is not blank.
func eachLine(path string, longest int64, fn func(number int, raw []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 0, 64<<10), int(longest)+2) // the line's end counts
	number := 0
	for sc.Scan() {
		number++
		raw := bytes.TrimSpace(sc.Bytes())
		if len(raw) == 0 {
			continue
		}
		if err := fn(number, raw); err != nil {
			return err
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return errLong(number + 1)
	}
	return sc.Err()
}
