package meter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// byWord is a tokenizer of words with the space before them.
type byWord struct{ words []string }

func (t *byWord) Encode(text string, _ bool) (ids []int, _ error) {
	for len(text) > 0 {
		end := strings.IndexByte(text[1:], ' ') + 1
		if end == 0 {
			end = len(text)
		}
		t.words = append(t.words, text[:end])
		ids, text = append(ids, len(t.words)), text[end:]
	}
	return ids, nil
}

func (t *byWord) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if id > 0 && id <= len(t.words) {
			b.WriteString(t.words[id-1])
		}
	}
	return b.String()
}

func chunk(t testing.TB, text string, ids []int, usage string) Chunk {
	t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	if usage == "" {
		usage = "null"
	}
	c, err := Parse(fmt.Appendf(nil, `{"id":"x","choices":[{"index":0,"delta":{"content":%s},"token_ids":%s}],"usage":%s}`, raw, list, usage))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func claim(in, out int) string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d}`, in, out)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	ask := Ask{Texts: []string{"what is what"}, Turns: 1, Choices: 1, Tried: 1}
	answer := " one two three four five six seven eight"
	cases := []struct {
		name   string
		tok    bool
		ids    bool
		in     int
		out    int
		honest bool
	}{
		{"exact, by ids", true, true, 6, 8, true},
		{"the end of text counts", true, true, 6, 9, true},
		{"two more than ids", true, true, 6, 10, false},
		{"without ids, as encoded", true, false, 6, 8, true},
		{"without ids, far above", true, false, 6, 40, false},
		{"prompt far above", true, true, 300, 8, false},
		{"no tokenizer, plausible", false, false, 200, 30, true},
		{"no tokenizer, above bytes", false, false, 6, len(answer) + 18, false},
		{"no tokenizer, prompt above bytes", false, false, 400, 8, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			words := &byWord{}
			var tok Tokenizer
			if c.tok {
				tok = words
			}
			m := New(ask, tok)
			var ids []int
			if c.ids {
				ids, _ = words.Encode(answer, false)
			}
			m.Add(chunk(t, answer, ids, claim(c.in, c.out)))
			r := m.Finish()
			if honest := r.Reason == ""; honest != c.honest {
				t.Errorf("%+v", r)
			}
			if r.Count.Add(r.Refused) != r.Claimed || !r.Within(r.Claimed) {
				t.Errorf("believed and refused do not add up: %+v", r)
			}
		})
	}
}

// TestIDsThatSpellNothing pads an answer with ids of no text.
func TestIDsThatSpellNothing(t *testing.T) {
	t.Parallel()
	words := &byWord{}
	m := New(Ask{Choices: 1, Tried: 1}, words)
	ids, _ := words.Encode(" one two", false)
	m.Add(chunk(t, " one two", append(ids, make([]int, 100)...), claim(0, 102)))
	if r := m.Finish(); r.Refused.Out < 50 {
		t.Errorf("%+v", r)
	}
}

// TestIDsOfAnotherText claims the ids of a longer text than was given.
func TestIDsOfAnotherText(t *testing.T) {
	t.Parallel()
	words := &byWord{}
	m := New(Ask{Choices: 1, Tried: 1}, words)
	ids, _ := words.Encode(strings.Repeat(" word", 200), false)
	m.Add(chunk(t, " one two", ids, claim(0, 200)))
	if r := m.Finish(); r.Refused.Out < 150 {
		t.Errorf("%+v", r)
	}
}

func TestPromptIDs(t *testing.T) {
	t.Parallel()
	words := &byWord{}
	ids, _ := words.Encode("<user> what is what <end>", false)
	ask := Ask{Texts: []string{"what is what"}, Turns: 1, Choices: 1, Tried: 1}
	for in, honest := range map[int]bool{len(ids): true, len(ids) + 1: false} {
		m := New(ask, words)
		c := chunk(t, "", nil, claim(in, 0))
		c.PromptTokenIDs = ids
		m.Add(c)
		if r := m.Finish(); (r.Reason == "") != honest {
			t.Errorf("claim of %d: %+v", in, r)
		}
	}
}

// TestCut holds what is believed of an answer that broke off against who broke
// it off.
func TestCut(t *testing.T) {
	t.Parallel()
	ask := Ask{Texts: []string{strings.Repeat("hello ", 100)}, Choices: 1, Tried: 1, MaxOut: 50}
	prompt := New(ask, nil).Most(0).In
	for _, c := range []struct {
		name        string
		why         Why
		came, whole bool
		in          uint64 // slack
		out         uint64 // counted and slack, at most; the rest is lost
	}{
		{"left, nothing came", Left, false, false, prompt, 50},
		{"left, a word came", Left, true, false, prompt, 50},
		{"left, to come whole", Left, false, true, prompt, 50},
		{"waited for", Waited, false, false, prompt, 0},
		{"waited for, to come whole", Waited, false, true, prompt, 0},
		{"broken, nothing came", Broken, false, false, 0, 0},
		{"broken, a word came", Broken, true, false, prompt, 4 + 1 + 16},
		{"broken, to come whole", Broken, false, true, 0, 0},
	} {
		m := New(ask, nil)
		if c.came {
			m.Add(chunk(t, " one", nil, ""))
		}
		r := m.Cut(c.why, c.whole, 2048)
		if r.In != 0 || (r.Out == 1) != c.came || r.Slack.In != c.in || r.Out+r.Slack.Out > c.out {
			t.Errorf("%s: %+v", c.name, r)
		}
		if all := r.Out + r.Slack.Out + r.Lost.Out; all != 50 || r.Slack.In+r.Lost.In != prompt {
			t.Errorf("%s: %+v does not add up", c.name, r)
		}
	}
	dense := Ask{Texts: []string{strings.Repeat(" ", 40_000)}}
	if in := New(dense, &byWord{}).Cut(Left, false, 0).Slack.In; in < dense.Estimate() {
		t.Errorf("a prompt that is estimated at %d may count %d", dense.Estimate(), in)
	}
}

func TestReadAsk(t *testing.T) {
	t.Parallel()
	one, err := ReadAsk([]byte(`{"messages":[{"role":"system","content":"be"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]}],"n":2,"max_tokens":7,"stop":["xyz","q"]}`))
	if err != nil || one.Turns != 2 || one.Media != 1 || one.Choices != 2 || one.MaxOut != 7 || one.Stop != 3 || len(one.Texts) != 2 {
		t.Errorf("%+v, %v", one, err)
	}
	two, err := ReadAsk([]byte(`{"messages":[{"role":"system","content":"be"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`))
	if err != nil || two.Opening != one.Opening || two.Opening == "" {
		t.Errorf("a follow-up has another opening: %+v", two)
	}
	three, err := ReadAsk([]byte(`{"prompt":["a","b"],"best_of":3}`))
	if err != nil || three.Choices != 2 || three.Tried != 6 || three.Opening != "" {
		t.Errorf("%+v, %v", three, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"choices":[{"index":0,"delta":{"content":"a"},"token_ids":[1]}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`))
	f.Add([]byte(`{"choices":[{"index":-1}]}`))
	f.Add([]byte(`{"usage":{"prompt_tokens":-1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		for _, tok := range []Tokenizer{nil, &byWord{}} {
			m := New(Ask{Texts: []string{"a"}, Choices: 1, Tried: 1}, tok)
			m.Add(c)
			if r := m.Finish(); m.Said() && (!r.Within(r.Claimed) || r.Count.Add(r.Refused) != r.Claimed) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
