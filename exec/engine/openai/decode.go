package openai

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Limits bound a request. The size of the body is the caller's to bound.
type Limits struct {
	Messages int  // in a chat; inputs and prompts in one request
	List     int  // stop texts, biases, tools, parts of a message, members of an object
	Tokens   int  // in lists of token ids
	Depth    int  // of nested lists and objects
	Media    bool // parts other than text are let through, in Part.Raw
}

// DefaultLimits are those of the package's own Decode functions.
func DefaultLimits() Limits {
	return Limits{Messages: 2048, List: 256, Tokens: 1 << 20, Depth: 64}
}

// DecodeChat reads the body of a chat request within the default limits. Its
// errors are of type *Error and name the field at fault.
func DecodeChat(body []byte) (ChatRequest, error) { return DefaultLimits().DecodeChat(body) }

// DecodeCompletion reads the body of a completion request, as DecodeChat.
func DecodeCompletion(body []byte) (CompletionRequest, error) {
	return DefaultLimits().DecodeCompletion(body)
}

// DecodeEmbedding reads the body of an embedding request, as DecodeChat.
func DecodeEmbedding(body []byte) (EmbeddingRequest, error) {
	return DefaultLimits().DecodeEmbedding(body)
}

// DecodeTokenize reads the body of POST /tokenize, as DecodeChat.
func DecodeTokenize(body []byte) (TokenizeRequest, error) {
	var r TokenizeRequest
	err := DefaultLimits().decode(body, r.field, nil)
	return r, err
}

// DecodeDetokenize reads the body of POST /detokenize, as DecodeChat.
func DecodeDetokenize(body []byte) (DetokenizeRequest, error) {
	var r DetokenizeRequest
	err := DefaultLimits().decode(body, r.field, nil)
	return r, err
}

// DecodeReplay reads the body of POST /infernet/replay, as DecodeChat.
func DecodeReplay(body []byte) (ReplayRequest, error) {
	var r ReplayRequest
	if err := DefaultLimits().decode(body, r.field, nil); err != nil {
		return r, err
	}
	return r, r.check()
}

// DecodeChat reads the body of a chat request.
func (l Limits) DecodeChat(body []byte) (ChatRequest, error) {
	var r ChatRequest
	if err := l.decode(body, r.field, &r.Extra); err != nil {
		return r, err
	}
	return r, r.check()
}

// DecodeCompletion reads the body of a completion request.
func (l Limits) DecodeCompletion(body []byte) (CompletionRequest, error) {
	var r CompletionRequest
	if err := l.decode(body, r.field, &r.Extra); err != nil {
		return r, err
	}
	return r, r.check()
}

// DecodeEmbedding reads the body of an embedding request.
func (l Limits) DecodeEmbedding(body []byte) (EmbeddingRequest, error) {
	var r EmbeddingRequest
	if err := l.decode(body, r.field, &r.Extra); err != nil {
		return r, err
	}
	return r, r.check()
}

// decode checks body and reads its members into the places that field names,
// the rest into extra where that is not nil.
func (l Limits) decode(body []byte, field func(name string) any, extra *map[string]json.RawMessage) error {
	if wrong := wellFormed(body, l.Depth); wrong != "" {
		return BadRequest("", "%s", wrong)
	}
	return l.object("", body, field, func(name string, raw []byte) {
		if extra == nil {
			return
		}
		if *extra == nil {
			*extra = map[string]json.RawMessage{}
		}
		(*extra)[name] = append(json.RawMessage(nil), raw...)
	})
}

// object reads the members of a well-formed object; path is what comes before
// a member's name in an error.
func (l Limits) object(path string, b []byte, field func(string) any, other func(string, []byte)) error {
	var seen names
	var fault error
	_, err := members(b, func(m member) bool {
		fault = l.known(path, m.name, &seen, field)
		if fault != nil {
			return false
		}
		into, raw := field(m.name), b[m.start:m.end]
		switch {
		case into == nil:
			if other != nil {
				other(m.name, raw)
			}
		case string(raw) != "null":
			fault = l.value(path+m.name, raw, into)
		}
		return fault == nil
	})
	if err != nil {
		return BadRequest(strings.TrimSuffix(path, "."), "must be a JSON object")
	}
	return fault
}

// known refuses a member that another hop might read in another way: one
// given twice, or in a spelling that decoders which ignore case would take
// for a known one.
func (l Limits) known(path, name string, seen *names, field func(string) any) error {
	if seen.len() >= l.List {
		return BadRequest(strings.TrimSuffix(path, "."), "more than %d members", l.List)
	}
	if !seen.add(name) {
		return BadRequest(path+cut(name, 64), "given twice")
	}
	for i := range len(name) {
		if name[i] >= 0x80 {
			return BadRequest(path, "unknown member %.64q", name)
		}
	}
	if lower := strings.ToLower(name); lower != name && field(lower) != nil {
		return BadRequest(path+cut(name, 64), "unknown member; it is spelt %q", lower)
	}
	return nil
}

// names are those of one object. A few are looked through faster than they are
// hashed; a stranger may send a million.
type names struct {
	few  []string
	many map[string]struct{}
}

func (n *names) len() int { return len(n.few) + len(n.many) }

// add is false for a name that is there already.
func (n *names) add(name string) bool {
	const few = 32
	if _, there := n.many[name]; there || slices.Contains(n.few, name) {
		return false
	}
	if len(n.few) < few {
		n.few = append(n.few, name)
		return true
	}
	if n.many == nil {
		n.many = map[string]struct{}{}
	}
	n.many[name] = struct{}{}
	return true
}

// value reads raw, which is not null, into the place that into points to.
func (l Limits) value(name string, raw []byte, into any) error {
	switch v := into.(type) {
	case *string:
		s, ok := text(raw)
		if !ok {
			return BadRequest(name, "must be a string")
		}
		*v = s
		return nil
	case *json.RawMessage:
		*v = append(json.RawMessage(nil), raw...)
		return nil
	case *[]Message:
		return l.messages(name, raw, v)
	case *Content:
		return l.content(name, raw, v)
	case *Input:
		return l.input(name, raw, v)
	case *[]int:
		return l.tokens(name, raw, v)
	case *Stop, *[]json.RawMessage, *map[string]float64, *[]ToolCall:
		if n := count(raw); n > l.List {
			return BadRequest(name, "more than %d entries", l.List)
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return wrongType(name, err)
	}
	return nil
}

// wrongType says what a value should have been.
func wrongType(name string, err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		if t.Field != "" {
			name += "." + cut(t.Field, 64)
		}
		return BadRequest(name, "must be of type %s, not %s", t.Type, t.Value)
	}
	return BadRequest(name, "cannot be read")
}

// count is the number of elements or members of a list or an object.
func count(raw []byte) int {
	n := 0
	if !elements(raw, func([]byte) bool { n++; return true }) {
		_, _ = members(raw, func(member) bool { n++; return true })
	}
	return n
}
