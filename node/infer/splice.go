package infer

import (
	"encoding/json"
	"strings"

	"infernet.tech/infernet/node/infer/meter"
)

// splice joins a second answer to the part of a first that was given: text that
// is equal is left out, and the rest carries the first answer's id, by which
// clients tell answers apart.
type splice struct {
	id      string
	created json.RawMessage
	skip    map[int]string // text of each choice that is still to come again
	over    map[int]bool
}

func newSplice(g *given) *splice {
	s := &splice{id: g.id, created: g.created, skip: map[int]string{}, over: map[int]bool{}}
	for i, t := range g.texts {
		s.skip[i] = t.String()
	}
	for i := range g.over {
		s.over[i] = true
	}
	return s
}

// event returns what is new in an event, nil when nothing is, and the chunk
// that goes with it. It fails with errDiffers.
func (s *splice) event(raw []byte, c meter.Chunk) ([]byte, meter.Chunk, error) {
	_, data, ok := strings.Cut(string(raw), "data:")
	var whole map[string]json.RawMessage
	var list []map[string]json.RawMessage
	if !ok || json.Unmarshal([]byte(data), &whole) != nil {
		return nil, c, errGarbage
	}
	if len(whole["choices"]) > 0 && json.Unmarshal(whole["choices"], &list) != nil || len(list) != len(c.Choices) {
		return nil, c, errGarbage
	}
	var left []map[string]json.RawMessage
	var chosen []meter.Choice
	for i, ch := range c.Choices {
		fresh, keep, err := s.text(ch)
		if err != nil {
			return nil, c, err
		}
		if !keep {
			continue
		}
		if fresh != ch.Plain() {
			if err := trim(list[i], &ch, fresh); err != nil {
				return nil, c, err
			}
		}
		left, chosen = append(left, list[i]), append(chosen, ch)
	}
	if len(c.Choices) > 0 && len(left) == 0 && c.Usage == nil {
		return nil, meter.Chunk{}, nil
	}
	c.Choices = chosen
	out, err := s.write(whole, left)
	return out, c, err
}

// write writes an event with the first answer's names.
func (s *splice) write(whole map[string]json.RawMessage, choices []map[string]json.RawMessage) ([]byte, error) {
	if choices == nil {
		choices = []map[string]json.RawMessage{}
	}
	var err error
	if whole["choices"], err = json.Marshal(choices); err != nil {
		return nil, errGarbage
	}
	if whole["id"], err = json.Marshal(s.id); err != nil {
		return nil, errGarbage
	}
	if s.created != nil {
		whole["created"] = s.created
	}
	delete(whole, "prompt_token_ids")
	raw, err := json.Marshal(whole)
	if err != nil {
		return nil, errGarbage
	}
	return append(append([]byte("data: "), raw...), "\n\n"...), nil
}

// text returns what a choice adds to the text that was given, and whether the
// reader is to see it.
func (s *splice) text(ch meter.Choice) (fresh string, keep bool, err error) {
	if ch.Hidden() > 0 {
		return "", false, errDiffers
	}
	text, skip := ch.Plain(), s.skip[ch.Index]
	switch {
	case skip == "":
		fresh = text
	case strings.HasPrefix(skip, text):
		s.skip[ch.Index] = skip[len(text):]
	case strings.HasPrefix(text, skip):
		fresh = text[len(skip):]
		s.skip[ch.Index] = ""
	default:
		return "", false, errDiffers
	}
	if s.over[ch.Index] {
		if fresh != "" {
			return "", false, errDiffers
		}
		return "", false, nil
	}
	ends := ch.FinishReason != nil
	if ends && s.skip[ch.Index] != "" {
		return "", false, errDiffers
	}
	return fresh, fresh != "" || ends, nil
}

// trim leaves fresh of a choice's text; what belongs to whole tokens goes.
func trim(m map[string]json.RawMessage, ch *meter.Choice, fresh string) error {
	quoted, err := json.Marshal(fresh)
	if err != nil {
		return errGarbage
	}
	delete(m, "token_ids")
	delete(m, "logprobs")
	ch.TokenIDs = nil
	if _, chat := m["delta"]; !chat {
		m["text"], ch.Text = quoted, fresh
		return nil
	}
	ch.Delta.Content = fresh
	delta := map[string]json.RawMessage{}
	if json.Unmarshal(m["delta"], &delta) != nil {
		return errGarbage
	}
	delta["content"] = quoted
	m["delta"], err = json.Marshal(delta)
	return err
}
