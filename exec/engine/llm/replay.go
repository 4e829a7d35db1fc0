package main

import (
	"context"
	"net/http"
	"strings"

	"infernet.tech/infernet/exec/engine/llm/sample"
	"infernet.tech/infernet/exec/engine/openai"
)

// replay answers POST /infernet/replay: one pass over a prompt and an answer
// that somebody claims to be the model's, which tells how likely the model
// holds each token of it. What greedy choice made has rank 0 throughout.
func (s *server) replay(w http.ResponseWriter, r *http.Request, body []byte) error {
	in, err := openai.DecodeReplay(body)
	if err != nil {
		return err
	}
	if err := s.serves(in.Model); err != nil {
		return err
	}
	prompt, claim, err := s.claimed(in)
	if err != nil {
		return err
	}
	// The last token needs no place: nothing comes after it.
	if all := len(prompt) + len(claim); all-1 > s.size {
		return openai.ContextLength(s.size, all)
	}
	p := &judging{tokens: append(prompt, claim...), prompt: len(prompt), result: newResult()}
	q := &sequence{work: p, tokens: p.tokens[:len(p.tokens)-1], known: len(prompt) - 1, wide: true, done: r.Context().Done()}
	if err := s.await(r.Context(), []*sequence{q}, p.result); err != nil {
		return err
	}
	out := openai.ReplayResponse{Tokens: p.judged, Usage: &openai.Usage{PromptTokens: len(prompt) + len(claim), TotalTokens: len(prompt) + len(claim)}}
	for i := range out.Tokens {
		t := &out.Tokens[i]
		t.Text = strings.ToValidUTF8(s.pieces[t.ID], "\uFFFD")
	}
	return reply(w, out)
}

// claimed is the prompt and the answer of a request, in tokens.
func (s *server) claimed(in openai.ReplayRequest) (prompt, claim []int, err error) {
	switch {
	case len(in.Messages) > 0:
		prompt, err = s.conversation(in.Messages)
	case in.Prompt != "":
		prompt, err = s.plain(in.Prompt, true)
	default:
		prompt, err = in.PromptTokenIDs, s.known("prompt_token_ids", in.PromptTokenIDs)
	}
	if err != nil {
		return nil, nil, err
	}
	if in.Completion != "" {
		claim, err = s.plain(in.Completion, false)
	} else {
		claim, err = in.TokenIDs, s.known("token_ids", in.TokenIDs)
	}
	if err == nil && (len(prompt) == 0 || len(claim) == 0) {
		err = openai.BadRequest("prompt", "prompt and answer must be of one token at least")
	}
	return prompt, claim, err
}

// judging is work that compares an answer with what the model would say.
type judging struct {
	*result
	tokens []int // prompt and answer
	prompt int
	judged []openai.ReplayToken
}

func (p *judging) wants(pos int) bool { return pos >= p.prompt-1 }
func (p *judging) behind() bool       { return false }

func (p *judging) take(pos int, o output) (int, bool) {
	logits, token := o.logits(), p.tokens[pos+1]
	norm, best := sample.Norm(logits), sample.Best(logits)
	if best < 0 {
		p.fail(errNoToken)
		return -1, true
	}
	p.judged = append(p.judged, openai.ReplayToken{
		ID: token, Logprob: sample.Of(logits, token, norm), Rank: sample.Rank(logits, token),
		Top: openai.ReplayTop{ID: best, Logprob: sample.Of(logits, best, norm)},
	})
	done := pos+2 == len(p.tokens)
	if done {
		p.finish()
	}
	return -1, done
}

// result is the end of work that is waited for as a whole.
type result struct {
	ended chan error
}

func newResult() *result { return &result{ended: make(chan error, 1)} }

func (r *result) fail(err error) { r.ended <- err }
func (r *result) finish()        { r.ended <- nil }

// await queues sequences and waits until each has ended.
func (s *server) await(ctx context.Context, seqs []*sequence, results ...*result) error {
	if err := s.sched.submit(seqs...); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, s.sched.rouse)()
	for _, r := range results {
		select {
		case err := <-r.ended:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
