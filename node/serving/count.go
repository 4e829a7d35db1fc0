package serving

import (
	"bytes"
	"encoding/json"

	"infernet.tech/infernet/exec/engine/openai"
)

const (
	// maxLine is the longest line whose parts are put together to be looked
	// at; a longer one counts as one token.
	maxLine = 256 << 10
	// maxUsage is more than the text of a usage takes.
	maxUsage = 1 << 10
	// mostTokens bounds a count that is believed.
	mostTokens = 1 << 32
)

// counter picks the counts out of an answer that passes by. It keeps no more
// of it than a line that is not complete, or the last bytes of a body.
//
// Quotation marks within strings are escaped in JSON, so `"usage":` and the
// like are found in the answer's own structure only, never in a model's words.
type counter struct {
	events bool   // the answer is a stream of events
	rest   []byte // a line's beginning; of a body, its last bytes
	long   bool   // the line is over maxLine

	out    uint64 // tokens seen to be sent
	prompt uint64 // prompt tokens, where their ids were sent
	usage  openai.Usage
	told   bool // usage was sent
	done   bool // [DONE] was sent
	data   bool // anything was sent
	size   int  // bytes sent
}

// add looks at the next piece.
func (c *counter) add(b []byte) {
	c.data = c.data || len(b) > 0
	c.size += len(b)
	if !c.events {
		c.body(b)
		return
	}
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			c.keep(b)
			return
		}
		if len(c.rest) == 0 && !c.long {
			c.line(b[:i])
		} else {
			c.keep(b[:i])
			c.line(c.rest)
			c.rest, c.long = c.rest[:0], false
		}
		b = b[i+1:]
	}
}

// keep holds a part of a line until its end comes.
func (c *counter) keep(b []byte) {
	if len(c.rest)+len(b) > maxLine {
		c.long = true
		b = b[:maxLine-len(c.rest)]
	}
	c.rest = append(c.rest, b...)
}

// midway reports whether the last line sent is not complete.
func (c *counter) midway() bool { return c.events && (len(c.rest) > 0 || c.long) }

// line looks at one line of a stream.
func (c *counter) line(b []byte) {
	data, ok := bytes.CutPrefix(bytes.TrimRight(b, "\r"), []byte("data:"))
	if !ok {
		return
	}
	data = bytes.TrimSpace(data)
	if string(data) == "[DONE]" {
		c.done = true
		return
	}
	if u, ok := openai.UsageOf(data); ok {
		c.usage, c.told = u, true
	}
	c.prompt += ids(data, `"prompt_token_ids"`)
	n := ids(data, `"token_ids"`)
	if n == 0 && says(data) {
		n = 1
	}
	c.out += n
}

// body looks at a piece of an answer that is no stream. A usage may be cut by
// the piece's end, so the last bytes are looked at again with the next.
func (c *counter) body(b []byte) {
	seam := append(c.rest, b[:min(len(b), maxUsage)]...)
	c.find(seam)
	if len(b) > maxUsage {
		c.find(b)
		seam = b
	}
	c.rest = append(c.rest[:0], seam[max(0, len(seam)-maxUsage):]...)
}

func (c *counter) find(b []byte) {
	i := bytes.LastIndex(b, []byte(`"usage"`))
	if i < 0 {
		return
	}
	b = bytes.TrimLeft(b[i+len(`"usage"`):], " \t\r\n:")
	var u openai.Usage
	if len(b) == 0 || b[0] != '{' || json.NewDecoder(bytes.NewReader(b)).Decode(&u) != nil {
		return
	}
	if u.PromptTokens >= 0 && u.CompletionTokens >= 0 {
		c.usage, c.told = u, true
	}
}

// ids counts the elements of all lists of that name; name has its quotation
// marks, so that a longer name is not taken for it.
func ids(data []byte, name string) (n uint64) {
	for {
		i := bytes.Index(data, []byte(name))
		if i < 0 {
			return n
		}
		data = bytes.TrimLeft(data[i+len(name):], " :")
		end := bytes.IndexByte(data, ']')
		if len(data) == 0 || data[0] != '[' || end < 0 {
			continue
		}
		if list := bytes.TrimSpace(data[1:end]); len(list) > 0 {
			n += uint64(bytes.Count(list, []byte{','})) + 1
		}
		data = data[end:]
	}
}

// says reports whether an event brings text.
func says(data []byte) bool {
	for _, name := range []string{`"content"`, `"text"`, `"reasoning_content"`, `"arguments"`} {
		i := bytes.Index(data, []byte(name))
		if i < 0 {
			continue
		}
		v := bytes.TrimLeft(data[i+len(name):], " :")
		if len(v) > 1 && v[0] == '"' && v[1] != '"' {
			return true
		}
	}
	return false
}

// used is what the answer used: what the engine reported at the end of a whole
// answer; of one cut short, what was sent, with the prompt as far as it is
// known. An answer of which nothing was sent used nothing.
func (c *counter) used(p prompt, whole bool) (in, out uint64) {
	if !c.data {
		return 0, 0
	}
	in, out = c.prompt, c.out
	if in == 0 {
		in = p.rough
	}
	if !c.events && !whole {
		// Its usage stands at the end, which the client did without.
		out = min(uint64(c.size/perToken), p.most.out)
	}
	if c.told {
		in = uint64(c.usage.PromptTokens)
		if whole {
			out = 0
		}
		out = max(out, uint64(c.usage.CompletionTokens))
	}
	return min(in, mostTokens), min(out, mostTokens)
}
