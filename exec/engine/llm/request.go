package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"infernet.tech/infernet/exec/engine/chat"
)

const (
	maxLine     = 1 << 20 // bytes of an input line
	maxMessages = 1024    // messages of an input line
	maxID       = 256     // bytes of an id as written
)

// message is one turn of a conversation.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// request is one line of input.
type request struct {
	ID        json.RawMessage `json:"id"` // string or number, given back as it was written
	Prompt    *string         `json:"prompt"`
	Messages  []message       `json:"messages"`
	MaxTokens *int            `json:"max_tokens"` // 1 or more
}

// turns is the conversation a request stands for.
func (r request) turns() []chat.Turn {
	if r.Prompt != nil {
		return []chat.Turn{{Role: "user", Content: *r.Prompt}}
	}
	turns := make([]chat.Turn, len(r.Messages))
	for i, m := range r.Messages {
		turns[i] = chat.Turn(m)
	}
	return turns
}

// parseRequest reads one line strictly. The number is that of the line, from 1.
func parseRequest(line []byte, number int) (request, error) {
	var r request
	if !utf8.Valid(line) {
		return r, errors.New("not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("not the JSON object that is expected, {\"id\":…,\"prompt\":\"…\"}: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("something follows the JSON object")
	}
	if len(r.ID) == 0 || string(r.ID) == "null" {
		r.ID = strconv.AppendInt(nil, int64(number), 10)
	}
	return r, r.check()
}

func (r request) check() error {
	switch c := r.ID[0]; {
	case len(r.ID) > maxID:
		return fmt.Errorf("id of more than %d bytes", maxID)
	case c != '"' && c != '-' && (c < '0' || c > '9'):
		return errors.New("id is neither a string nor a number")
	case r.Prompt != nil && r.Messages != nil:
		return errors.New("both prompt and messages")
	case r.Prompt == nil && len(r.Messages) == 0:
		return errors.New("neither prompt nor messages")
	case len(r.Messages) > maxMessages:
		return fmt.Errorf("more than %d messages", maxMessages)
	case r.MaxTokens != nil && *r.MaxTokens < 1:
		return fmt.Errorf("max_tokens is %d, less than 1", *r.MaxTokens)
	}
	for i, m := range r.Messages {
		switch m.Role {
		case "system", "user", "assistant":
		default:
			return fmt.Errorf("message %d has role %.40q: system, user and assistant are known", i+1, m.Role)
		}
	}
	return nil
}

// eachRequest calls fn for the requests of a file in turn. Blank lines count
// and are left out. Errors name the line.
func eachRequest(name string, r io.Reader, fn func(request) error) error {
	sc := bufio.NewScanner(r)
	// The scanner's cap counts the line's end, which may be two bytes.
	sc.Buffer(make([]byte, 0, 64<<10), maxLine+2)
	number := 0
	for sc.Scan() {
		number++
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		req, err := parseRequest(line, number)
		if err != nil {
			return fmt.Errorf("%w: %s line %d: %w", errUsage, name, number, err)
		}
		if err := fn(req); err != nil {
			return err
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: %s line %d: longer than %d bytes", errUsage, name, number+1, maxLine)
	}
	return sc.Err()
}
