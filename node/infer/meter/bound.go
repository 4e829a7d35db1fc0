package meter

import "strings"

// Allowances for what does not show in texts, in tokens.
const (
	perTurn   = 16   // role markers of one message
	perPrompt = 256  // a template's own system prompt
	perTools  = 1024 // a template's explanation of tools
	perMedia  = 4096 // an image or a recording
	perAnswer = 16   // end of text, control tokens
)

// mostIn is the most prompt tokens that an honest provider can have counted.
func (m *Meter) mostIn() uint64 {
	a := m.ask
	fixed := a.IDs + perTurn*a.Turns + perPrompt + perMedia*a.Media
	if a.Extra > 0 {
		fixed += perTools
	}
	sum := 0
	for _, t := range a.Texts {
		sum += len(t)
	}
	if m.tok == nil {
		return uint64(fixed + sum + a.Extra)
	}
	if n := len(m.prompt); n > 0 && a.Media == 0 && a.Extra == 0 && m.spells(fixed*4+sum) {
		return uint64(n)
	}
	n := 0
	for _, t := range a.Texts {
		n += m.encoded(t)
	}
	return uint64(fixed + n + a.Extra)
}

// spells says whether the prompt's token ids contain its texts, in order, and
// not more than bytes in all. Templates trim the texts.
func (m *Meter) spells(bytes int) bool {
	got := m.tok.Decode(m.prompt)
	if len(got) > bytes {
		return false
	}
	for _, t := range m.ask.Texts {
		t = strings.TrimSpace(t)
		at := strings.Index(got, t)
		if at < 0 {
			return false
		}
		got = got[at+len(t):]
	}
	return m.silent(m.prompt) <= perPrompt+perTurn*m.ask.Turns
}

// mostOut is the most completion tokens that an honest provider can have
// counted. Without a tokenizer each brought a byte or an event.
func (m *Meter) mostOut() uint64 {
	a := m.ask
	fixed := perAnswer * a.Tried
	if m.tok == nil || !m.plain {
		return uint64((m.bytes+m.events)*max(1, a.Tried/max(a.Choices, 1)) + fixed)
	}
	n := 0
	for _, one := range m.each {
		n += m.mostOf(one)
	}
	if a.Tried > a.Choices { // what was generated and not shown
		n = n*a.Tried/max(a.Choices, 1) + fixed
	}
	return uint64(n)
}

// mostOf counts one answer: its ids when they spell its text, else what the
// text comes to, with room for a model that spells it in another way.
func (m *Meter) mostOf(a *answer) int {
	text := a.text.String()
	if len(a.ids) > 0 {
		got := m.tok.Decode(a.ids)
		trimmed := strings.TrimPrefix(got, " ")
		spelt := strings.HasPrefix(got, text) || strings.HasPrefix(trimmed, text)
		if spelt && len(got)-len(text) <= m.ask.Stop+64 && m.silent(a.ids) <= perAnswer {
			return len(a.ids) + 1 // the end of text, which not all engines tell
		}
	}
	return m.encoded(text)*3/2 + perAnswer
}

// silent is how many of the ids spell nothing by themselves.
func (m *Meter) silent(ids []int) int {
	n := 0
	for i := range ids {
		if m.tok.Decode(ids[i:i+1]) == "" {
			n++
		}
	}
	return n
}

// encoded is how many tokens a text has; one a byte when it cannot be encoded.
func (m *Meter) encoded(text string) int {
	ids, err := m.tok.Encode(text, false)
	if err != nil {
		return len(text)
	}
	return len(ids)
}
