package openai

import (
	"encoding/json"
	"strconv"
	"strings"
)

// messages reads a conversation.
func (l Limits) messages(name string, raw []byte, out *[]Message) error {
	n := 0
	if !elements(raw, func([]byte) bool { n++; return n <= l.Messages }) {
		return BadRequest(name, "must be a list")
	}
	if n > l.Messages {
		return BadRequest(name, "more than %d messages", l.Messages)
	}
	var err error
	list := make([]Message, 0, n)
	elements(raw, func(one []byte) bool {
		var m Message
		at := name + "[" + strconv.Itoa(len(list)) + "]."
		called := false
		if err = l.object(at, one, m.field, func(name string, _ []byte) { called = called || name == "function_call" }); err == nil {
			err = m.check(at, called)
		}
		list = append(list, m)
		return err == nil
	})
	*out = list
	return err
}

// field is the place of a member. Members that are not here are passed on in
// the body, unread.
func (m *Message) field(name string) any {
	switch name {
	case "role":
		return &m.Role
	case "content":
		return &m.Content
	case "name":
		return &m.Name
	case "reasoning_content":
		return &m.ReasoningContent
	case "refusal":
		return &m.Refusal
	case "tool_calls":
		return &m.ToolCalls
	case "tool_call_id":
		return &m.ToolCallID
	}
	return nil
}

// check refuses roles that nobody knows, and turns that say nothing: only an
// assistant that called something may leave the content out.
func (m *Message) check(at string, called bool) error {
	switch m.Role {
	case "system", "developer", "user", "tool", "function":
		if !m.Content.set {
			return BadRequest(at+"content", "is required")
		}
	case "assistant":
		if !m.Content.set && len(m.ToolCalls) == 0 && m.Refusal == "" && !called {
			return BadRequest(at+"content", "is required unless there are tool calls")
		}
	case "":
		return BadRequest(at+"role", "is required")
	default:
		return BadRequest(at+"role", "unknown role %.64q", m.Role)
	}
	return nil
}

// content reads a text or a list of parts.
func (l Limits) content(name string, raw []byte, out *Content) error {
	if s, ok := text(raw); ok {
		*out = Content{Text: s, set: true}
		return nil
	}
	c := Content{Parts: []Part{}, set: true}
	var err error
	list := elements(raw, func(one []byte) bool {
		var p Part
		at := name + "[" + strconv.Itoa(len(c.Parts)) + "]"
		switch {
		case len(c.Parts) >= l.List:
			err = BadRequest(name, "more than %d parts", l.List)
		default:
			p, err = l.part(at, one)
		}
		c.Parts = append(c.Parts, p)
		return err == nil
	})
	if !list {
		return BadRequest(name, "must be a string or a list of parts")
	}
	*out = c
	return err
}

// part reads one part of a message. Anything but text has to be let through by
// Media, and is then kept as it came.
func (l Limits) part(at string, raw []byte) (Part, error) {
	var p Part
	err := l.object(at+".", raw, func(name string) any {
		switch name {
		case "type":
			return &p.Type
		case "text":
			return &p.Text
		}
		return nil
	}, nil)
	switch {
	case err != nil:
		return p, err
	case p.Type == "text":
		return p, nil
	case p.Type == "":
		return p, BadRequest(at+".type", "is required")
	case !l.Media:
		return p, BadRequest(at+".type", "parts of type %.64q are not supported, only text", p.Type)
	}
	p.Text, p.Raw = "", append(json.RawMessage(nil), raw...)
	return p, nil
}

// input reads a text, texts, tokens or lists of tokens.
func (l Limits) input(name string, raw []byte, out *Input) error {
	if s, ok := text(raw); ok {
		*out = Input{Texts: []string{s}, Single: true}
		return nil
	}
	var in Input
	var err error
	left := l.Tokens
	list := elements(raw, func(one []byte) bool {
		at := name + "[" + strconv.Itoa(in.Len()) + "]"
		s, isText := text(one)
		switch {
		case in.Len() >= l.Messages:
			err = BadRequest(name, "more than %d entries", l.Messages)
		case isText && len(in.Tokens) == 0:
			in.Texts = append(in.Texts, s)
		case one[0] == '[' && len(in.Texts) == 0:
			var ids []int
			err = Limits{Tokens: left}.tokens(at, one, &ids)
			left -= len(ids)
			in.Tokens = append(in.Tokens, ids)
		case in.Len() == 0: // one list of tokens
			in.Tokens, in.Single = make([][]int, 1), true
			err = l.tokens(name, raw, &in.Tokens[0])
			return false
		default:
			err = BadRequest(at, "must be of the same kind as the first")
		}
		return err == nil
	})
	if !list {
		return BadRequest(name, "must be a string, or a list of strings or tokens")
	}
	*out = in
	return err
}

// tokens reads a list of token ids.
func (l Limits) tokens(name string, raw []byte, out *[]int) error {
	n := 0
	if !elements(raw, func([]byte) bool { n++; return n <= l.Tokens }) {
		return BadRequest(name, "must be a list of tokens")
	}
	if n > l.Tokens {
		return BadRequest(name, "more than %d tokens", l.Tokens)
	}
	ids := make([]int, 0, n)
	good := true
	elements(raw, func(one []byte) bool {
		id, err := strconv.ParseUint(string(one), 10, 31)
		ids = append(ids, int(id))
		good = good && err == nil
		return good
	})
	*out = ids
	if !good {
		return BadRequest(name, "must be a list of tokens")
	}
	return nil
}

// String is all text of the content, its parts joined without a separator.
func (c Content) String() string {
	if c.Parts == nil {
		return c.Text
	}
	var b strings.Builder
	for _, p := range c.Parts {
		b.WriteString(p.Text)
	}
	return b.String()
}
