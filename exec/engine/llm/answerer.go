package main

import (
	"slices"

	"infernet.tech/infernet/exec/engine/llm/grammar"
	"infernet.tech/infernet/exec/engine/llm/sample"
	"infernet.tech/infernet/exec/engine/openai"
)

// event is one step of an answer on its way to the reader.
type event struct {
	index   int // of the answer, where several were asked for
	text    string
	token   int // -1 when the event brings none
	logprob float64
	top     []sample.Logprob
	finish  string // on the last event
	err     error  // instead of an end
}

// answerer is work that makes an answer token by token.
type answerer struct {
	engine   *served
	index    int
	answers  int // that share the channel
	out      chan event
	prompt   int // tokens
	max      int // tokens of the answer
	logprobs int // likeliest tokens that are told of, -1 for no logprobs at all
	sampler  *sample.Sampler
	form     *grammar.Form // nil: free text
	text     assembler
	made     int
}

// wants the output of the last token only: all before it are known.
func (a *answerer) wants(pos int) bool { return pos >= a.prompt-1 }

// behind keeps room in the channel for what can come without being asked:
// the step at hand and a failure of each answer.
func (a *answerer) behind() bool { return cap(a.out)-len(a.out) < 2*a.answers }

func (a *answerer) fail(err error) { a.send(event{token: -1, err: err}) }

func (a *answerer) send(ev event) {
	ev.index = a.index
	if ev.finish != "" || ev.err != nil {
		// The request may have many answers, and keeps them all until the last.
		a.form, a.sampler = nil, nil
	}
	select {
	case a.out <- ev:
	default: // cannot be, see behind; the loop must never wait
	}
}

func (a *answerer) take(pos int, o output) (int, bool) {
	logits := o.logits()
	var raw []float32
	if a.logprobs >= 0 {
		raw = slices.Clone(logits)
	}
	var c sample.Constraint
	if a.form != nil {
		c = a.form
	}
	token, err := a.sampler.Next(logits, c)
	switch {
	case err != nil && a.form != nil && a.form.Complete():
		// A model without an end token has said all there is to say.
		a.end(event{token: -1}, openai.FinishStop)
		return -1, true
	case err != nil && a.form != nil && a.form.Err() != nil:
		a.fail(openai.BadRequest("response_format", "%v", a.form.Err()))
		return -1, true
	case err != nil:
		a.fail(errNoToken)
		return -1, true
	case a.engine.ends(token):
		a.end(event{token: -1}, openai.FinishStop)
		return -1, true
	}
	ev := event{token: token}
	if a.logprobs >= 0 {
		norm := sample.Norm(raw)
		ev.logprob, ev.top = sample.Of(raw, token, norm), sample.Top(raw, a.logprobs, norm)
	}
	return token, a.accept(ev, pos)
}

// accept takes a token into the answer and tells whether that was the last.
func (a *answerer) accept(ev event, pos int) bool {
	a.sampler.Accept(ev.token)
	if a.form != nil {
		a.form.Accept(ev.token)
	}
	a.made++
	text, stopped := a.text.add(a.engine.pieces[ev.token])
	ev.text = text
	switch {
	case stopped:
		a.end(ev, openai.FinishStop)
	case a.made >= a.max || pos+1 >= a.engine.size:
		a.end(ev, openai.FinishLength)
	default:
		a.send(ev)
		return false
	}
	return true
}

func (a *answerer) end(ev event, finish string) {
	ev.text += a.text.close()
	ev.finish = finish
	a.send(ev)
}
