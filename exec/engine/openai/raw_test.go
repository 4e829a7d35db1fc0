package openai

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, name, value, out string }{
		{`{}`, "a", `1`, `{"a":1}`},
		{` { } `, "a", `1`, ` { "a":1} `},
		{`{"b":2}`, "a", `"x"`, `{"b":2,"a":"x"}`},
		{`{"a" : [1,{"a":2}] ,"b":"}"}`, "a", `0`, `{"a" : 0 ,"b":"}"}`},
		{`{"\u0061":1}`, "a", `0`, `{"\u0061":0}`},
		{`{"b":{"a":1},"c":"\"a\":"}`, "a", `0`, `{"b":{"a":1},"c":"\"a\":","a":0}`},
	} {
		got, err := Set([]byte(c.in), c.name, []byte(c.value))
		if err != nil || string(got) != c.out {
			t.Errorf("%s: %s, %v; want %s", c.in, got, err, c.out)
		}
	}
	for _, in := range []string{``, `[]`, `null`, `{`, `{"a"`, `{"a":`, `{"b":1`, `{"b":1 "c":2}`} {
		if got, err := Set([]byte(in), "a", []byte("1")); !errors.Is(err, ErrNotObject) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, err := Set([]byte(`{"a":1,"a":2}`), "a", []byte("1")); !errors.Is(err, ErrTwice) {
		t.Errorf("twice: %v", err)
	}
}

func TestInject(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"stream":true}`:                                   `{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream_options":null}`:                           `{"stream_options":{"include_usage":true}}`,
		`{"stream_options":{"include_usage":false,"x":1} }`: `{"stream_options":{"include_usage":true,"x":1} }`,
		`{"stream_options":{"x":1}}`:                        `{"stream_options":{"x":1,"include_usage":true}}`,
	} {
		got, err := IncludeUsage([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
		if h, err := ReadHead(got); err != nil || !h.IncludeUsage {
			t.Errorf("%s: %+v, %v", got, h, err)
		}
	}
	got, err := ReturnTokenIDs([]byte(`{"model":"a"}`))
	if err != nil || string(got) != `{"model":"a","return_token_ids":true}` {
		t.Errorf("%s, %v", got, err)
	}
	got, err = SetModel([]byte(`{"stream":true,"model":"a"}`), `b"`)
	if h, _ := ReadHead(got); err != nil || h.Model != `b"` || !h.Stream || h.IncludeUsage {
		t.Errorf("%s, %v", got, err)
	}
}

func TestSetMaxTokens(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"model":"a"}`:    `{"model":"a"}`,
		`{"max_tokens":9}`: `{"max_tokens":9}`,
		`{"max_completion_tokens":null,"max_tokens":9}`:        `{"max_completion_tokens":null,"max_tokens":9}`,
		`{"max_completion_tokens":7}`:                          `{"max_completion_tokens":7,"max_tokens":7}`,
		`{"max_tokens":null,"max_completion_tokens": 7 }`:      `{"max_tokens":7,"max_completion_tokens": 7 }`,
		`{"max_tokens":9,"max_completion_tokens":7,"n":1}`:     `{"max_tokens":7,"max_completion_tokens":7,"n":1}`,
		`{"max_completion\u005ftokens":7,"user":"max_tokens"}`: `{"max_completion\u005ftokens":7,"user":"max_tokens","max_tokens":7}`,
	} {
		got, err := SetMaxTokens([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	if _, err := SetMaxTokens([]byte(`[]`)); !errors.Is(err, ErrNotObject) {
		t.Errorf("no object: %v", err)
	}
}

func TestUsageOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`:       7,
		`{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":9999}}`:                 7,
		`{"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":1}"}}],"usage":null}`:      -1,
		`{"choices":[{"usage":{"prompt_tokens":1}}]}`:                                             -1,
		`{"choices":[{"delta":{"content":"usage"}}]}`:                                             -1,
		`{"usage":{"prompt_tokens":-1,"completion_tokens":4}}`:                                    -1,
		`{"usage":{"prompt_tokens":1e30}}`:                                                        -1,
		`{"usage":{"prompt_tokens":9000000000000000000,"completion_tokens":9000000000000000000}}`: -1,
		`{"usage":7}`: -1,
		`"usage"`:     -1,
		`[DONE]`:      -1,
		`{"usage"`:    -1,
	} {
		u, ok := UsageOf([]byte(in))
		if ok != (want >= 0) || ok && u.TotalTokens != want {
			t.Errorf("%s: %+v, %v", in, u, ok)
		}
	}
}

func BenchmarkUsageOf(b *testing.B) {
	chunk := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"demo","choices":[{"index":0,"delta":{"content":" usage"},"logprobs":null,"finish_reason":null}]}`)
	for b.Loop() {
		if _, ok := UsageOf(chunk); ok {
			b.Fatal("usage")
		}
	}
}

func FuzzRaw(f *testing.F) {
	f.Add([]byte(`{"a":1,"usage":{"prompt_tokens":1},"stream_options":{}}`))
	f.Add([]byte(`{"a\\":"\\\"","model":"x"}`))
	f.Add([]byte(`{"a":[}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		UsageOf(b)
		_, _ = ReadHead(b)
		for _, edit := range []func([]byte) ([]byte, error){IncludeUsage, ReturnTokenIDs, func(b []byte) ([]byte, error) { return SetModel(b, "x") }} {
			out, err := edit(b)
			if err != nil || wellFormed(b, 64) != "" {
				continue
			}
			// stream_options may be a text, which cannot be edited.
			if !json.Valid(out) {
				t.Fatalf("%q became %q", b, out)
			}
		}
	})
}
