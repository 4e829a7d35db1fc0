package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

	"infernet.tech/infernet/exec/engine/openai"
)

// maxAnswer bounds an answer that is not streamed, maxEvents the events of one
// that is.
const (
	maxAnswer = 8 << 20
	maxEvents = 100_000
)

// probe asks an engine.
type probe struct {
	client *http.Client
	base   string
	o      Options
}

// object is a request's body.
type object = map[string]any

// learn fills in the model and the context from what the engine says.
func (p *probe) learn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	list, err := p.list(ctx)
	if err != nil {
		return
	}
	for _, m := range list.Data {
		if p.o.Model == "" {
			p.o.Model = m.ID
		}
		if m.ID == p.o.Model && p.o.Context == 0 {
			p.o.Context = m.MaxModelLen
		}
	}
}

func (p *probe) list(ctx context.Context) (openai.ModelList, error) {
	var list openai.ModelList
	status, body, err := p.send(ctx, http.MethodGet, "/v1/models", nil)
	if err != nil {
		return list, err
	}
	return list, decode(status, body, &list)
}

// send asks and returns what came, whatever it is.
func (p *probe) send(ctx context.Context, method, path string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(raw) > maxAnswer {
		err = fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	return resp.StatusCode, raw, err
}

// post sends an object.
func (p *probe) post(ctx context.Context, path string, body object) (int, []byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	return p.send(ctx, http.MethodPost, path, bytes.NewReader(raw))
}

// decode wants a 200 with this in it.
func decode(status int, body []byte, into any) error {
	if status != http.StatusOK {
		return fmt.Errorf("status %d, %.300q", status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w in %.200q", err, body)
	}
	return nil
}

// get posts and wants a 200 with this in it.
func (p *probe) get(ctx context.Context, path string, body object, into any) error {
	status, raw, err := p.post(ctx, path, body)
	if err != nil {
		return err
	}
	return decode(status, raw, into)
}

// ask is a chat of the usual question at temperature 0, with changes.
func (p *probe) ask(changes object) object {
	body := object{
		"model": p.o.Model, "messages": []object{{"role": "user", "content": p.o.Question}},
		"temperature": 0, "max_tokens": 24,
	}
	maps.Copy(body, changes)
	return body
}

// chat asks and wants an ordinary answer.
func (p *probe) chat(ctx context.Context, changes object) (openai.ChatResponse, error) {
	var r openai.ChatResponse
	if err := p.get(ctx, "/v1/chat/completions", p.ask(changes), &r); err != nil {
		return r, err
	}
	if len(r.Choices) == 0 {
		return r, fmt.Errorf("no choices")
	}
	return r, nil
}

// says is the text of an answer.
func (p *probe) says(ctx context.Context, changes object) (string, error) {
	r, err := p.chat(ctx, changes)
	if err != nil {
		return "", err
	}
	return r.Choices[0].Message.Content.String(), nil
}

// streamed is all that a stream brought.
type streamed struct {
	contentType string
	chunks      []openai.ChatChunk
	done        bool
	text        string
	finish      []string
	usage       *openai.Usage
	usageLast   bool // it came in the last chunk, without choices
	pieces      int  // chunks with text
	tokenIDs    []int
	promptIDs   []int
}

// stream asks for a stream and reads it to its end.
func (p *probe) stream(ctx context.Context, changes object) (streamed, error) {
	var s streamed
	body := p.ask(changes)
	body["stream"] = true
	raw, err := json.Marshal(body)
	if err != nil {
		return s, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/v1/chat/completions", bytes.NewReader(raw))
	if err != nil {
		return s, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return s, fmt.Errorf("status %d, %.300q", resp.StatusCode, said)
	}
	s.contentType = resp.Header.Get("Content-Type")
	return s, s.read(openai.NewEventReader(resp.Body, openai.MaxEvent))
}

// read takes in events until the end of the stream.
func (s *streamed) read(events *openai.EventReader) error {
	for range maxEvents {
		ev, err := events.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("after %d chunks: %w", len(s.chunks), err)
		case len(ev.Data) == 0:
			continue
		case s.done:
			return fmt.Errorf("something follows [DONE]: %.100q", ev.Data)
		case ev.Done():
			s.done = true
			continue
		}
		var c openai.ChatChunk
		if err := json.Unmarshal(ev.Data, &c); err != nil {
			return fmt.Errorf("%w in event %.200q", err, ev.Data)
		}
		s.add(c)
	}
	return fmt.Errorf("more than %d events", maxEvents)
}

func (s *streamed) add(c openai.ChatChunk) {
	s.chunks = append(s.chunks, c)
	s.promptIDs = append(s.promptIDs, c.PromptTokenIDs...)
	s.usageLast = false
	if c.Usage != nil {
		s.usage, s.usageLast = c.Usage, len(c.Choices) == 0
	}
	for _, ch := range c.Choices {
		if ch.Delta.Content != nil && *ch.Delta.Content != "" {
			s.text += *ch.Delta.Content
			s.pieces++
		}
		if ch.FinishReason != nil {
			s.finish = append(s.finish, *ch.FinishReason)
		}
		s.tokenIDs = append(s.tokenIDs, ch.TokenIDs...)
	}
}
