package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"infernet.tech/infernet/exec/engine/openai"
)

// health is what the node probes, before it sends requests and while it does.
func health(ctx context.Context, p *probe) error {
	status, body, err := p.send(ctx, http.MethodGet, p.o.Health, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s is %d, %.100q", p.o.Health, status, body)
	}
	return err
}

// models finds the model under the name that requests will use.
func models(ctx context.Context, p *probe) error {
	list, err := p.list(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, cut(m.ID, 64))
		if m.ID == p.o.Model || m.ID == p.o.Model+":latest" { // as Ollama writes it
			return nil
		}
	}
	return fmt.Errorf("no model %.100q in %.10q", p.o.Model, names)
}

// chat looks at the parts of an answer that every client reads.
func chat(ctx context.Context, p *probe) error {
	r, err := p.chat(ctx, nil)
	if err != nil {
		return err
	}
	c := r.Choices[0]
	switch {
	case r.Object != openai.ObjectChat:
		return fmt.Errorf("object is %.40q, want %q", r.Object, openai.ObjectChat)
	case c.Message.Role != "assistant":
		return fmt.Errorf("role is %.40q", c.Message.Role)
	case strings.TrimSpace(c.Message.Content.String()) == "":
		return errors.New("an empty answer")
	case c.FinishReason != openai.FinishStop && c.FinishReason != openai.FinishLength:
		return fmt.Errorf("finish_reason is %.40q", c.FinishReason)
	}
	return nil
}

// identity is for people who look for an answer in a log.
func identity(ctx context.Context, p *probe) error {
	r, err := p.chat(ctx, nil)
	if err == nil && (r.ID == "" || r.Created == 0 || r.Model != p.o.Model) {
		err = fmt.Errorf("id %.40q, created %d, model %.60q", r.ID, r.Created, r.Model)
	}
	return err
}

// parts gives a text in two halves: they belong together without a blank.
func parts(ctx context.Context, p *probe) error {
	want, err := p.says(ctx, nil)
	if err != nil {
		return err
	}
	half := len(p.o.Question) / 2
	got, err := p.says(ctx, object{"messages": []object{{"role": "user", "content": []object{
		{"type": "text", "text": p.o.Question[:half]}, {"type": "text", "text": p.o.Question[half:]},
	}}}})
	return same(want, got, err)
}

// same is for answers that have to be equal, byte for byte.
func same(want, got string, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%.120q, and before %.120q", got, want)
	}
	return err
}

// completions asks for a text to be gone on with.
func completions(ctx context.Context, p *probe) error {
	var r openai.CompletionResponse
	err := p.get(ctx, "/v1/completions", object{"model": p.o.Model, "prompt": "The capital of France", "max_tokens": 8, "temperature": 0}, &r)
	switch {
	case err != nil:
		return err
	case r.Object != openai.ObjectCompletion || len(r.Choices) != 1:
		return fmt.Errorf("object %.40q with %d choices", r.Object, len(r.Choices))
	}
	return counted(r.Usage)
}

// counted wants a usage that adds up.
func counted(u *openai.Usage) error {
	switch {
	case u == nil:
		return errors.New("no usage")
	case u.PromptTokens < 1 || u.CompletionTokens < 0 || u.TotalTokens != u.PromptTokens+u.CompletionTokens:
		return fmt.Errorf("usage %d + %d = %d", u.PromptTokens, u.CompletionTokens, u.TotalTokens)
	}
	return nil
}

// usage has to grow with the prompt, by about as much as was added, and with
// the answer.
func usage(ctx context.Context, p *probe) error {
	short, err := p.chat(ctx, nil)
	if err != nil {
		return err
	}
	if err := counted(short.Usage); err != nil {
		return err
	}
	const words = 64
	long, err := p.chat(ctx, object{"messages": []object{
		{"role": "system", "content": strings.Repeat("yes ", words)}, {"role": "user", "content": p.o.Question},
	}})
	if err != nil {
		return err
	}
	if err := counted(long.Usage); err != nil {
		return err
	}
	// A word is at least one token, hardly more than its bytes.
	if grown := long.Usage.PromptTokens - short.Usage.PromptTokens; grown < words || grown > 5*words {
		return fmt.Errorf("%d words more made %d prompt tokens more", words, grown)
	}
	text := short.Choices[0].Message.Content.String()
	if n := short.Usage.CompletionTokens; n < 1 || n > len(text)+2 {
		return fmt.Errorf("%d completion tokens for %d bytes", n, len(text))
	}
	if n := short.Usage.CompletionTokens; n > 24 {
		return fmt.Errorf("%d completion tokens, and 24 were allowed", n)
	}
	return nil
}

// greedy and seeded are what replaying, comparing and continuing elsewhere
// stand on.
func greedy(ctx context.Context, p *probe) error { return repeats(ctx, p, object{}) }

func seeded(ctx context.Context, p *probe) error {
	return repeats(ctx, p, object{"temperature": 1, "seed": 42})
}

func repeats(ctx context.Context, p *probe, changes object) error {
	first, err := p.says(ctx, changes)
	for range 2 {
		if err != nil {
			return err
		}
		var again string
		again, err = p.says(ctx, changes)
		err = same(first, again, err)
	}
	return err
}

// maxTokens tries both names: clients use the newer one.
func maxTokens(ctx context.Context, p *probe) error {
	full, err := p.chat(ctx, nil)
	if err != nil {
		return err
	}
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		changes := object{"max_tokens": nil}
		changes[name] = 1
		r, err := p.chat(ctx, changes)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		whole, text := full.Choices[0].Message.Content.String(), r.Choices[0].Message.Content.String()
		if !strings.HasPrefix(whole, text) || len(text) >= len(whole) && len(whole) > 16 {
			return fmt.Errorf("%s 1 gives %.100q of %.100q", name, text, whole)
		}
		if err := counted(r.Usage); err != nil {
			return err
		}
		if n, why := r.Usage.CompletionTokens, r.Choices[0].FinishReason; n > 1 || why != openai.FinishLength && text != whole {
			return fmt.Errorf("%s 1 gives %d tokens and finish_reason %.20q", name, n, why)
		}
	}
	return nil
}

// stopText is a piece from the middle of the answer, and what comes before it.
func stopText(ctx context.Context, p *probe) (before, at string, err error) {
	full, err := p.says(ctx, nil)
	if err != nil {
		return "", "", err
	}
	runes := []rune(strings.TrimSpace(full))
	if len(runes) < 6 {
		return "", "", fmt.Errorf("the answer %.40q is too short to be stopped", full)
	}
	at = string(runes[len(runes)/2 : len(runes)/2+3])
	before, _, _ = strings.Cut(full, at)
	return before, at, nil
}

// stop ends the answer before the text, whether it comes alone or in a list.
func stop(ctx context.Context, p *probe) error {
	before, at, err := stopText(ctx, p)
	if err != nil {
		return err
	}
	for _, v := range []any{at, []string{"\x00never", at}} {
		r, err := p.chat(ctx, object{"stop": v})
		if err != nil {
			return err
		}
		if got := r.Choices[0].Message.Content.String(); got != before || r.Choices[0].FinishReason != openai.FinishStop {
			return fmt.Errorf("stop %q gives %.120q (%.20s), want %.120q", at, got, r.Choices[0].FinishReason, before)
		}
	}
	return nil
}

// choices wants two answers, told apart by their index.
func choices(ctx context.Context, p *probe) error {
	r, err := p.chat(ctx, object{"n": 2, "temperature": 1})
	if err != nil {
		return err
	}
	if len(r.Choices) != 2 || r.Choices[0].Index == r.Choices[1].Index {
		return fmt.Errorf("%d choices for n 2", len(r.Choices))
	}
	return nil
}

func atOnce(ctx context.Context, p *probe) error  { return together(ctx, p, p.o.Parallel) }
func sixteen(ctx context.Context, p *probe) error { return together(ctx, p, 16) }

// together asks n times at once and wants the answer of one alone.
func together(ctx context.Context, p *probe, n int) error {
	want, err := p.says(ctx, nil)
	if err != nil {
		return err
	}
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			got, err := p.says(ctx, nil)
			errs[i] = same(want, got, err)
		})
	}
	wg.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d failed: %w", len(errs), n, errs[0])
	}
	return nil
}
