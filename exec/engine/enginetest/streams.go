package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// streamShape is what the official clients rely on: the role first, one reason
// for the end, and [DONE].
func streamShape(ctx context.Context, p *probe) error {
	s, err := p.stream(ctx, nil)
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(s.contentType, "text/event-stream"):
		return fmt.Errorf("content type %.60q", s.contentType)
	case !s.done:
		return errors.New("the stream ends without [DONE]")
	case len(s.finish) != 1 || s.finish[0] != openai.FinishStop && s.finish[0] != openai.FinishLength:
		return fmt.Errorf("finish reasons %.40q", s.finish)
	case len(s.chunks[0].Choices) != 1 || s.chunks[0].Choices[0].Delta.Role != "assistant":
		return errors.New("the first chunk does not bring the role")
	}
	for _, c := range s.chunks {
		if c.Object != openai.ObjectChatChunk || c.ID != s.chunks[0].ID {
			return fmt.Errorf("a chunk with object %.40q and id %.40q after %.40q", c.Object, c.ID, s.chunks[0].ID)
		}
	}
	return nil
}

// streamPieces finds engines that hold tokens back.
func streamPieces(ctx context.Context, p *probe) error {
	s, err := p.stream(ctx, nil)
	if err == nil && s.pieces < 2 {
		err = fmt.Errorf("%.100q came in %d pieces", s.text, s.pieces)
	}
	return err
}

// streamEqual: a stream only cuts the answer up.
func streamEqual(ctx context.Context, p *probe) error {
	want, err := p.says(ctx, nil)
	if err != nil {
		return err
	}
	s, err := p.stream(ctx, nil)
	return same(want, s.text, err)
}

// streamUsage wants the numbers of the answer in one piece: streams are paid
// for by them.
func streamUsage(ctx context.Context, p *probe) error {
	want, err := p.chat(ctx, nil)
	if err != nil {
		return err
	}
	if err := counted(want.Usage); err != nil {
		return err
	}
	s, err := p.stream(ctx, object{"stream_options": object{"include_usage": true}})
	if err != nil {
		return err
	}
	if err := counted(s.usage); err != nil {
		return err
	}
	if !s.usageLast {
		return errors.New("the usage is not in a last chunk of its own")
	}
	a, b := want.Usage, s.usage
	if a.PromptTokens != b.PromptTokens || a.CompletionTokens != b.CompletionTokens {
		return fmt.Errorf("%d + %d tokens streamed, %d + %d otherwise", b.PromptTokens, b.CompletionTokens, a.PromptTokens, a.CompletionTokens)
	}
	return nil
}

// streamNoUsage: older clients do not expect a chunk without choices.
func streamNoUsage(ctx context.Context, p *probe) error {
	s, err := p.stream(ctx, nil)
	if err == nil && s.usageLast {
		err = errors.New("a chunk of usage that was not asked for")
	}
	return err
}

// streamStop: what might be the beginning of the stop text is to be held back
// until it is known not to be.
func streamStop(ctx context.Context, p *probe) error {
	before, at, err := stopText(ctx, p)
	if err != nil {
		return err
	}
	s, err := p.stream(ctx, object{"stop": []string{at}})
	if err == nil && (s.text != before || len(s.finish) != 1 || s.finish[0] != openai.FinishStop) {
		err = fmt.Errorf("stop %q gives %.120q (%.20q), want %.120q", at, s.text, s.finish, before)
	}
	return err
}

// cancelled leaves twice as many long answers as fit, after their first piece,
// and wants a short one soon.
func cancelled(ctx context.Context, p *probe) error {
	begun := time.Now()
	if _, err := p.says(ctx, nil); err != nil {
		return err
	}
	usual := time.Since(begun)
	var wg sync.WaitGroup
	for range 2 * p.o.Parallel {
		wg.Go(func() { p.leave(ctx) })
	}
	wg.Wait()
	begun = time.Now()
	if _, err := p.says(ctx, nil); err != nil {
		return err
	}
	if took := time.Since(begun); took > 10*usual+p.o.Slack {
		return fmt.Errorf("the next answer took %v, and before %v", took.Round(time.Millisecond), usual.Round(time.Millisecond))
	}
	return nil
}

// leave begins a long answer and closes the connection, at the first piece or
// after some seconds in a queue.
func (p *probe) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	raw, err := json.Marshal(p.ask(object{
		"stream": true, "max_tokens": max(256, p.o.Context/2),
		"messages": []object{{"role": "user", "content": "Tell me a very long story. " + strings.Repeat("More and more. ", 16)}},
	}))
	if err != nil {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/v1/chat/completions", bytes.NewReader(raw))
	if err != nil {
		return
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = openai.NewEventReader(resp.Body, openai.MaxEvent).Next()
}
