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
// holds each token of it. What greedy choice made has rank 0 throughout, and
// what was drawn by a seed is drawn again.
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
	params, err := s.choice(in)
	if err != nil {
		return err
	}
	// The last token needs no place: nothing comes after it. An end is no
	// token of the answer, and what it follows has one.
	all, stopped := len(prompt)+len(claim), in.FinishReason == openai.FinishStop && len(s.endings) > 0
	decoded := append(prompt, claim...)
	if !stopped {
		decoded = decoded[:all-1]
	}
	if len(decoded) > s.size {
		return openai.ContextLength(s.size, all)
	}
	p := &judging{
		served: s.served, claim: claim, prompt: len(prompt), stopped: stopped, seeded: in.Seed != nil,
		sampler: sample.New(params, prompt), result: newResult(),
	}
	q := &sequence{work: p, tokens: decoded, known: len(prompt) - 1, wide: true, done: r.Context().Done()}
	if err := s.await(r.Context(), []*sequence{q}, p.result); err != nil {
		return err
	}
	return reply(w, openai.ReplayResponse{
		Tokens: p.judged, Text: s.text(claim), Usage: &openai.Usage{PromptTokens: all, TotalTokens: all},
	})
}

// choice is how the answer is said to have been chosen.
func (s *server) choice(in openai.ReplayRequest) (sample.Params, error) {
	p := sample.Params{
		Temperature: value(in.Temperature, 1), TopK: max(0, in.TopK), TopP: value(in.TopP, 1), MinP: in.MinP,
		Frequency: value(in.FrequencyPenalty, 0), Presence: value(in.PresencePenalty, 0), Repeat: in.RepetitionPenalty,
		Stream: uint64(in.Choice),
	}
	if in.Seed != nil {
		p.Seed = uint64(*in.Seed)
	}
	var err error
	p.Bias, err = s.bias(in.LogitBias)
	return p, err
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
	if err == nil && (len(prompt) == 0 || len(claim) == 0 && (in.FinishReason != openai.FinishStop || len(s.endings) == 0)) {
		err = openai.BadRequest("prompt", "prompt and answer must be of one token at least")
	}
	return prompt, claim, err
}

// judging is work that compares an answer with what the model would say.
type judging struct {
	*result
	served  *served
	sampler *sample.Sampler
	claim   []int
	prompt  int  // tokens
	stopped bool // the end of the answer is claimed too
	seeded  bool
	judged  []openai.ReplayToken
}

func (p *judging) wants(pos int) bool { return pos >= p.prompt-1 }
func (p *judging) behind() bool       { return false }

func (p *judging) take(pos int, o output) (int, bool) {
	at := pos + 1 - p.prompt
	claimed := p.served.endings
	if at < len(p.claim) {
		claimed = p.claim[at : at+1]
	}
	j, err := p.sampler.Judge(o.logits(), claimed...)
	if err != nil {
		p.fail(errNoToken)
		return -1, true
	}
	p.sampler.Accept(j.Token)
	p.judged = append(p.judged, p.told(j, at == len(p.claim)))
	done := at+1 == len(p.claim) && !p.stopped || at == len(p.claim)
	if done {
		p.finish()
	}
	return -1, done
}

// told is a judgement as it is answered.
func (p *judging) told(j sample.Judgement, end bool) openai.ReplayToken {
	t := openai.ReplayToken{
		ID: j.Token, Text: strings.ToValidUTF8(p.served.pieces[j.Token], "\uFFFD"), Logprob: j.Logprob, Rank: j.Rank,
		Top:     openai.ReplayTop{ID: j.Best, Logprob: j.BestLogprob},
		Sampled: j.Sampled, Entropy: j.Entropy, Varentropy: j.Varentropy, Outside: j.Outside, End: end,
	}
	if p.seeded {
		t.Drawn = &openai.ReplayDrawn{ID: j.Drawn, Gap: j.Gap}
	}
	return t
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
