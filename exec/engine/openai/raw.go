package openai

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Head is what a hop needs to know of a body that it passes on.
type Head struct {
	Model        string
	Stream       bool
	IncludeUsage bool // stream_options.include_usage
}

// ReadHead finds the head of a body that was checked when it was decoded.
// Errors: ErrNotObject.
func ReadHead(body []byte) (Head, error) {
	var h Head
	_, err := members(body, func(m member) bool {
		v := body[m.start:m.end]
		switch m.name {
		case "model":
			h.Model, _ = text(v)
		case "stream":
			h.Stream = string(v) == "true"
		case "stream_options":
			_, _ = members(v, func(o member) bool {
				if o.name == "include_usage" {
					h.IncludeUsage = string(v[o.start:o.end]) == "true"
				}
				return true
			})
		}
		return true
	})
	return h, err
}

// Set returns a copy of the object body with the member name set to value,
// which is JSON; all other bytes stay as they are. Errors: ErrNotObject;
// ErrTwice when the member is there twice.
func Set(body []byte, name string, value []byte) ([]byte, error) {
	var found *member
	twice, empty := false, true
	closing, err := members(body, func(m member) bool {
		empty = false
		if m.name == name {
			twice = found != nil
			found = &m
		}
		return !twice
	})
	switch {
	case err != nil:
		return nil, err
	case twice:
		return nil, ErrTwice
	case found != nil:
		return slices.Concat(body[:found.start], value, body[found.end:]), nil
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	comma := []byte{','}
	if empty {
		comma = nil
	}
	return slices.Concat(body[:closing], comma, quoted, []byte{':'}, value, body[closing:]), nil
}

// get is the value of the member name, nil when there is none or it is null.
func get(body []byte, name string) ([]byte, error) {
	var out []byte
	_, err := members(body, func(m member) bool {
		if m.name == name {
			out = body[m.start:m.end]
		}
		return out == nil
	})
	if string(out) == "null" {
		out = nil
	}
	return out, err
}

// SetModel returns a copy of body that asks for model.
func SetModel(body []byte, model string) ([]byte, error) {
	quoted, err := json.Marshal(model)
	if err != nil {
		return nil, err
	}
	return Set(body, "model", quoted)
}

// IncludeUsage returns a copy of body with stream_options.include_usage true,
// other options as they are. It is for bodies with stream true: OpenAI
// refuses the options elsewhere.
func IncludeUsage(body []byte) ([]byte, error) {
	options, err := get(body, "stream_options")
	if err != nil {
		return nil, err
	}
	if options == nil {
		options = []byte("{}")
	}
	if options, err = Set(options, "include_usage", []byte("true")); err != nil {
		return nil, err
	}
	return Set(body, "stream_options", options)
}

// ReturnTokenIDs returns a copy of body that asks for the ids of tokens.
func ReturnTokenIDs(body []byte) ([]byte, error) {
	return Set(body, "return_token_ids", []byte("true"))
}

// SetMaxTokens returns body with max_tokens what max_completion_tokens is, as
// which it counts where both are given (see Sampling.MaxOutput): there are
// engines that know the older name alone. Body itself is returned when it does
// not have the newer one.
func SetMaxTokens(body []byte) ([]byte, error) {
	most, err := get(body, "max_completion_tokens")
	if err != nil || most == nil {
		return body, err
	}
	return Set(body, "max_tokens", most)
}

// maxTokens bounds each count that is believed to be a count at all.
const maxTokens = 1 << 40

// UsageOf is the usage in the data of an event, or in a whole answer; false
// when there is none, or one that cannot be. An event without one costs a
// search for a word.
func UsageOf(data []byte) (Usage, bool) {
	if !bytes.Contains(data, []byte(`"usage"`)) {
		return Usage{}, false
	}
	raw, err := get(data, "usage")
	if err != nil || raw == nil {
		return Usage{}, false
	}
	var u Usage
	if json.Unmarshal(raw, &u) != nil || !u.sane() {
		return Usage{}, false
	}
	return u, true
}

// sane says whether the counts can be counts. Some engines leave the total
// out.
func (u *Usage) sane() bool {
	if u.PromptTokens < 0 || u.CompletionTokens < 0 || u.PromptTokens > maxTokens || u.CompletionTokens > maxTokens {
		return false
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return true
}
