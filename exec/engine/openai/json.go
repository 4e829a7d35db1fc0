package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
)

// UnmarshalJSON reads a text or a list of texts.
func (s *Stop) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var one string
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*s = Stop{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// MarshalJSON writes a text, or the list of parts.
func (c Content) MarshalJSON() ([]byte, error) {
	if c.Parts == nil {
		return json.Marshal(c.Text)
	}
	return json.Marshal(c.Parts)
}

// UnmarshalJSON reads a text, a list of parts, or null.
func (c *Content) UnmarshalJSON(b []byte) error {
	*c = Content{}
	if string(b) == "null" {
		return nil
	}
	return anything().content("content", b, c)
}

// MarshalJSON writes a text part, or the raw one.
func (p Part) MarshalJSON() ([]byte, error) {
	if p.Raw != nil {
		return p.Raw, nil
	}
	return json.Marshal(struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}{"text", p.Text})
}

// UnmarshalJSON reads a part.
func (p *Part) UnmarshalJSON(b []byte) error {
	var err error
	*p, err = anything().part("part", b)
	return err
}

// anything are the limits for what the caller has bounded already.
func anything() Limits {
	return Limits{Messages: math.MaxInt, List: math.MaxInt, Tokens: math.MaxInt, Media: true}
}

// MarshalJSON writes the input as it came: one, or a list.
func (in Input) MarshalJSON() ([]byte, error) {
	switch {
	case in.Single && len(in.Texts) == 1:
		return json.Marshal(in.Texts[0])
	case in.Single && len(in.Tokens) == 1:
		return json.Marshal(in.Tokens[0])
	case len(in.Tokens) > 0:
		return json.Marshal(in.Tokens)
	}
	return json.Marshal(in.Texts)
}

// UnmarshalJSON reads a text, texts, tokens, or lists of tokens.
func (in *Input) UnmarshalJSON(b []byte) error {
	*in = Input{}
	return anything().input("input", b, in)
}

// MarshalJSON writes numbers, or base64.
func (v Vector) MarshalJSON() ([]byte, error) {
	if !v.Base64 {
		return json.Marshal(v.Values)
	}
	raw := make([]byte, 0, 4*len(v.Values))
	for _, f := range v.Values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(raw))
}

// UnmarshalJSON reads numbers or base64.
func (v *Vector) UnmarshalJSON(b []byte) error {
	*v = Vector{}
	if len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, &v.Values)
	}
	var raw []byte
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if len(raw)%4 != 0 {
		return errors.New("not a list of float32")
	}
	v.Base64, v.Values = true, make([]float32, len(raw)/4)
	for i := range v.Values {
		v.Values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// UnmarshalJSON is DecodeChat.
func (r *ChatRequest) UnmarshalJSON(b []byte) (err error) {
	*r, err = DecodeChat(b)
	return err
}

// UnmarshalJSON is DecodeCompletion.
func (r *CompletionRequest) UnmarshalJSON(b []byte) (err error) {
	*r, err = DecodeCompletion(b)
	return err
}

// UnmarshalJSON is DecodeEmbedding.
func (r *EmbeddingRequest) UnmarshalJSON(b []byte) (err error) {
	*r, err = DecodeEmbedding(b)
	return err
}

// MarshalJSON writes the request with its extra fields.
func (r ChatRequest) MarshalJSON() ([]byte, error) {
	type plain ChatRequest
	return withExtra(plain(r), r.Extra)
}

// MarshalJSON writes the request with its extra fields.
func (r CompletionRequest) MarshalJSON() ([]byte, error) {
	type plain CompletionRequest
	return withExtra(plain(r), r.Extra)
}

// MarshalJSON writes the request with its extra fields.
func (r EmbeddingRequest) MarshalJSON() ([]byte, error) {
	type plain EmbeddingRequest
	return withExtra(plain(r), r.Extra)
}

func withExtra(v any, extra map[string]json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || len(extra) == 0 {
		return b, err
	}
	more, err := json.Marshal(extra) // sorted by name
	if err != nil {
		return nil, err
	}
	return append(append(b[:len(b)-1], ','), more[1:]...), nil
}
