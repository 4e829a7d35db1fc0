package serving

import (
	"strings"
	"testing"
)

// feed gives a text to a counter in pieces of n bytes.
func feed(events bool, text string, n int) *counter {
	c := &counter{events: events}
	for len(text) > 0 {
		k := min(n, len(text))
		c.add([]byte(text[:k]))
		text = text[k:]
	}
	return c
}

func TestCounter(t *testing.T) {
	t.Parallel()
	const usage = `"usage":{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":3}}`
	guess := prompt{rough: 40, most: bound{in: 40}}
	for name, tt := range map[string]struct {
		events  bool
		text    string
		whole   bool
		in, out uint64
	}{
		"a whole body":       {false, `{"choices":[{"message":{"content":"x"}}],` + usage + `}`, true, 7, 9},
		"usage first":        {false, `{` + usage + `,"x":"` + strings.Repeat("y", 5000) + `"}`, true, 7, 9},
		"spaces":             {false, `{ "usage" : { "prompt_tokens": 1, "completion_tokens": 2 } }`, true, 1, 2},
		"a model's words":    {false, `{"content":"\"usage\":{\"prompt_tokens\":99}"}`, true, 40, 0},
		"nothing":            {false, ``, true, 0, 0},
		"usage in a stream":  {true, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[]," + usage + "}\n\ndata: [DONE]\n\n", true, 7, 9},
		"cut after two":      {true, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"text\":\"b\"}]}\r\n\r\ndata: {\"cho", false, 40, 2},
		"ids":                {true, "data: {\"prompt_token_ids\":[1,2,3],\"choices\":[{\"delta\":{\"content\":\"abc\"},\"token_ids\":[4, 5]},{\"token_ids\": [6]}]}\n\n", false, 3, 3},
		"running usage":      {true, "data: {\"choices\":[{\"text\":\"b\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0}}\n\n", false, 3, 1},
		"roles are no words": {true, "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n: comment\n\n", false, 40, 0},
		"words in a stream":  {true, `data: {"choices":[{"delta":{"content":"\"token_ids\":[1,2,3] \"usage\":{}"}}]}` + "\n\n", false, 40, 1},
		"a tool's arguments": {true, `data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{"}}]}}]}` + "\n\n", false, 40, 1},
	} {
		for _, n := range []int{1, 2, 7, 64, 1500, 1 << 20} {
			c := feed(tt.events, tt.text, n)
			if in, out := c.used(guess, tt.whole); in != tt.in || out != tt.out {
				t.Errorf("%s in pieces of %d: %d and %d tokens, want %d and %d", name, n, in, out, tt.in, tt.out)
			}
			if tt.whole && tt.events && !c.done {
				t.Errorf("%s: the end was not seen", name)
			}
		}
	}
}

// TestCounterBounded keeps a line without end from taking memory.
func TestCounterBounded(t *testing.T) {
	t.Parallel()
	c := &counter{events: true}
	c.add([]byte("data: "))
	for range 64 {
		c.add([]byte(strings.Repeat("x", 64<<10)))
	}
	if cap(c.rest) > 2*maxLine || !c.midway() {
		t.Errorf("%d bytes are kept", cap(c.rest))
	}
	c.add([]byte("\ndata: {\"choices\":[{\"text\":\"b\"}]}\n"))
	if c.out != 1 || c.midway() {
		t.Errorf("%d tokens after it", c.out)
	}
}

// FuzzCounter wants the same counts however an answer is cut into pieces.
func FuzzCounter(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"token_ids\":[1,2]}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n", true, 3)
	f.Add(`{"usage":{"prompt_tokens":1,"completion_tokens":2}}`, false, 1)
	f.Fuzz(func(t *testing.T, text string, events bool, n int) {
		if n < 1 || len(text) > maxUsage { // of a body longer than that, the first of two usages may win
			return
		}
		p := prompt{rough: 10, most: bound{in: 10}}
		one, many := feed(events, text, len(text)+1), feed(events, text, n)
		if !events && strings.Count(text, `"usage"`) > 1 {
			return
		}
		a, b := one.out, many.out
		x, y := one.used(p, false)
		v, w := many.used(p, false)
		if a != b || x != v || y != w || one.done != many.done {
			t.Errorf("whole: %d, %d and %d tokens; in pieces of %d: %d, %d and %d", a, x, y, n, b, v, w)
		}
	})
}

func TestUsageText(t *testing.T) {
	t.Parallel()
	u := Usage{Requests: 1, In: 2, Out: 3, TotalIn: 4, TotalOut: 5}
	if got, ok := ParseUsage(u.String() + " were metered"); !ok || got != u {
		t.Errorf("read back as %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "in=1", "in=1,out=2,total_in=3,total_out=4,requests=-1", "in=1,out=2,total_in=3,total_out=4,requests=99999999999999999999"} {
		if _, ok := ParseUsage(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, ok := ParseUsage("in=1,later=x,out=2,total_in=3,total_out=4,requests=5"); !ok {
		t.Error("a name of a later version spoils the rest")
	}
}
