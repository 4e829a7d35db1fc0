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
	switch {
	case len(b) > 0 && b[0] == '"':
		return json.Unmarshal(b, &c.Text)
	case string(b) == "null":
		return nil
	}
	return json.Unmarshal(b, &c.Parts)
}

// String is all text of the content, parts joined without a separator.
func (c Content) String() string {
	if c.Parts == nil {
		return c.Text
	}
	var out []byte
	for _, p := range c.Parts {
		out = append(out, p.Text...)
	}
	return string(out)
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
	var in struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*p = Part{Type: in.Type, Text: in.Text}
	if in.Type != "text" {
		p.Text, p.Raw = "", append(json.RawMessage(nil), b...)
	}
	return nil
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
	var one string
	if json.Unmarshal(b, &one) == nil && string(b) != "null" {
		*in = Input{Texts: []string{one}, Single: true}
		return nil
	}
	if json.Unmarshal(b, &in.Texts) == nil {
		return nil
	}
	in.Texts = nil
	var tokens []int
	if json.Unmarshal(b, &tokens) == nil {
		*in = Input{Tokens: [][]int{tokens}, Single: true}
		return nil
	}
	return json.Unmarshal(b, &in.Tokens)
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
