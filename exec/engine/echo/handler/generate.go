package handler

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// plan is one answer before it is given.
type plan struct {
	prompt []string // its tokens
	words  []string // of the answer
	finish string
	knobs  knobs
}

// knobs are what the prompt asks for beside an answer.
type knobs struct {
	delay                        time.Duration
	repeat, status, lie, garble  int
	crash, cut, hang             int // after so many tokens
	willCrash, willCut, willHang bool
}

// steer reads the words that begin with @.
func (s *server) steer(text string) (knobs, error) {
	k := knobs{delay: s.Delay, lie: 1}
	for word := range strings.FieldsSeq(text) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || !strings.HasPrefix(name, "@") {
			continue
		}
		n, err := strconv.Atoi(value)
		switch name {
		case "@delay":
			k.delay, err = time.ParseDuration(value)
		case "@repeat":
			k.repeat = n
		case "@error":
			k.status = n
		case "@lie":
			k.lie = n
		case "@garble":
			k.garble = n
		case "@crash":
			k.crash, k.willCrash = n, true
		case "@cut":
			k.cut, k.willCut = n, true
		case "@hang":
			k.hang, k.willHang = n, true
		default:
			err = nil
		}
		if err != nil {
			return k, openai.BadRequest("messages", "knob %.40q", word)
		}
	}
	return k, nil
}

// plan decides on the answer to a prompt: text, repeated, as far as room, stop
// texts and the asked length allow.
func (s *server) plan(prompt []string, text string, r *openai.Sampling) (plan, error) {
	k, err := s.steer(text)
	if err != nil {
		return plan{}, err
	}
	if k.status != 0 {
		return plan{}, &openai.Error{Status: k.status, Type: openai.TypeServer, Message: "an error was asked for"}
	}
	room := s.Context - len(prompt)
	if room < 1 {
		return plan{}, openai.ContextLength(s.Context, len(prompt)+1)
	}
	p := plan{prompt: prompt, knobs: k, finish: openai.FinishStop}
	said := structured(r.ResponseFormat, text)
	if i := firstStop(said, r.Stop); i >= 0 {
		said = said[:i]
	}
	p.words = split(said)
	for n := len(p.words); n > 0 && k.repeat > len(p.words); {
		p.words = append(p.words, " "+strings.TrimLeft(p.words[len(p.words)%n], " "))
	}
	for i := range p.words {
		if k.garble > 0 && i%k.garble == k.garble-1 {
			p.words[i] = " other"
		}
	}
	if limit := r.MaxOutput(); limit > 0 && limit < room {
		room = limit
	}
	if len(p.words) > room {
		p.words, p.finish = p.words[:room], openai.FinishLength
	}
	return p, nil
}

// firstStop is where the first of the stop texts begins, -1 when none is there.
func firstStop(s string, stops openai.Stop) int {
	first := -1
	for _, stop := range stops {
		if i := strings.Index(s, stop); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}

func (p plan) usage(choices int) *openai.Usage {
	u := &openai.Usage{PromptTokens: len(p.prompt) * p.knobs.lie, CompletionTokens: len(p.words) * choices * p.knobs.lie}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}

// pace is called before the token i and waits as long as was asked. It says
// whether to go on; after @crash and @cut it does not return.
func (s *server) pace(r *http.Request, p plan, i int) bool {
	k := p.knobs
	switch {
	case k.willCrash && i == k.crash:
		if s.Exit != nil {
			s.Exit(3)
		}
		panic(http.ErrAbortHandler)
	case k.willCut && i == k.cut:
		panic(http.ErrAbortHandler)
	case k.willHang && i == k.hang:
		<-r.Context().Done()
		return false
	}
	if k.delay <= 0 || i == 0 {
		return r.Context().Err() == nil
	}
	t := time.NewTimer(k.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
