package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"infernet.tech/infernet/exec/engine/chat"
)

// errNoToken: the model's output is not a number at any place.
var errNoToken = errors.New("the model gives no token: its weights are damaged")

// generate answers a conversation with at most max tokens, writing the text of
// each token to w as it is made. It returns the tokens, and whether the answer
// was cut at max or at the end of the context. The only error that is the
// prompt's own fault is errTooLong.
func (e *engine) generate(ctx context.Context, turns []chat.Turn, max int, w io.Writer) (tokens []int, cut bool, err error) {
	prompt, err := e.tokenize(turns)
	if err != nil {
		return nil, false, err
	}
	if len(prompt) >= e.size {
		return nil, false, fmt.Errorf("%w: %d tokens, the context holds %d with the answer", errTooLong, len(prompt), e.size)
	}
	// Nothing of another prompt may reach this one, not even a warm cache.
	e.ctx.KvCacheClear()
	if err := e.prefill(ctx, prompt); err != nil {
		return nil, false, err
	}
	for at := len(prompt); ; at++ {
		token, err := e.best()
		if err != nil {
			return tokens, false, err
		}
		if e.ends(token) {
			return tokens, false, nil
		}
		if len(tokens) == max {
			return tokens, true, nil
		}
		tokens = append(tokens, token)
		if _, err := io.WriteString(w, e.model.TokenToPiece(token)); err != nil {
			return tokens, false, err
		}
		if at == e.size {
			return tokens, true, nil
		}
		if err := e.decode(ctx, []int{token}, at); err != nil {
			return tokens, false, err
		}
	}
}

// prefill decodes the prompt in batches.
func (e *engine) prefill(ctx context.Context, prompt []int) error {
	for at := 0; at < len(prompt); at += e.batch.Size() {
		if err := e.decode(ctx, prompt[at:min(at+e.batch.Size(), len(prompt))], at); err != nil {
			return err
		}
	}
	return nil
}

// decode runs tokens from a position on, wanting logits of the last one.
func (e *engine) decode(ctx context.Context, tokens []int, at int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	e.batch.Clear()
	for i, t := range tokens {
		e.batch.Add(t, nil, at+i, i == len(tokens)-1, 0)
	}
	return e.ctx.Decode(e.batch)
}

// best is the likeliest next token; of equals the one with the lowest number,
// so that the choice never depends on an order of search.
func (e *engine) best() (int, error) {
	best := -1
	logits := e.ctx.GetLogitsIth(-1)
	for i, l := range logits {
		// A NaN is greater than nothing.
		if l == l && (best < 0 || l > logits[best]) {
			best = i
		}
	}
	if best < 0 {
		return 0, errNoToken
	}
	return best, nil
}
