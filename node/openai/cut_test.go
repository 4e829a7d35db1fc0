package openai

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"choices":[{"delta":{"content":"a"}}]}`:                                            `{"choices":[{"delta":{"content":"a"}}]}`,
		`{"choices":[{"delta":{"content":"\"token_ids\":[1]"},"token_ids":[1]}]}`:            `{"choices":[{"delta":{"content":"\"token_ids\":[1]"}}]}`,
		`{"prompt_token_ids":[1,2],"choices":[{"token_ids":[1],"text":"a"}],"usage":null}`:   `{"choices":[{"text":"a"}]}`,
		`{"a":1,"prompt_token_ids":[1,[2]],"choices":[{"token_ids":null}],"b":2}`:            `{"a":1,"choices":[{}],"b":2}`,
		`{ "prompt_token_ids" : [1] , "choices" : [ { "x":1 , "token_ids" : [ 2 ] } ] }`:     `{ "choices" : [ { "x":1  } ] }`,
		`{"choices":[{"text":"a"}],"usage":{"prompt_tokens":1}}`:                             `{"choices":[{"text":"a"}]}`,
		`{"choices":[],"usage":{"prompt_tokens":1}}`:                                         ``,
		`{"choices":[],"usage":null}`:                                                        `{"choices":[]}`,
		`{"token_ids":[1],"choices":[{"m":{"token_ids":[1]}}]}`:                              `{"token_ids":[1],"choices":[{"m":{"token_ids":[1]}}]}`,
		`{"choices":[{"prompt_token_ids":[1],"token_ids":[2],"index":0},{"token_ids":[3]}]}`: `{"choices":[{"index":0},{}]}`,
		`{"choices":[{"a":1,"prompt_token_ids":[1],"token_ids":[2],"index":0}]}`:             `{"choices":[{"a":1,"index":0}]}`,
	} {
		got, drop := extras{}.trim([]byte(in))
		if drop != (want == "") || !drop && string(got) != want {
			t.Errorf("%s\n is %s, drop %v\nnot %s", in, got, drop, want)
		}
	}
	same := []byte(`{"choices":[{"text":"a","token_ids":[1]}],"usage":{"x":1}}`)
	if got, drop := (extras{usage: true, tokens: true}).trim(same); drop || !bytes.Equal(got, same) {
		t.Errorf("%s", got)
	}
}

// FuzzTrim: what comes out of valid JSON is the same JSON without the members,
// and nothing panics or hangs on what is not valid.
func FuzzTrim(f *testing.F) {
	f.Add([]byte(`{"prompt_token_ids":[1,2],"choices":[{"token_ids":[1],"text":"a"}],"usage":null}`))
	f.Add([]byte(`{"usage":{},"choices":[]}`))
	f.Add([]byte(`{"choices":[:"token_ids"`))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, drop := extras{usage: true}.trim(in)
		if drop {
			t.Fatalf("%q dropped", in)
		}
		var before, after map[string]any
		if !json.Valid(in) || json.Unmarshal(in, &before) != nil || bytes.ContainsRune(in, '\\') {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q became %q: %v", in, got, err)
		}
		delete(before, "prompt_token_ids")
		if list, ok := before["choices"].([]any); ok {
			for _, c := range list {
				if m, ok := c.(map[string]any); ok {
					delete(m, "token_ids")
					delete(m, "prompt_token_ids")
				}
			}
		}
		// Objects with a name twice have no one meaning.
		if !reflect.DeepEqual(before, after) && bytes.Count(in, []byte(`"choices"`)) < 2 {
			t.Fatalf("%q became %q", in, got)
		}
	})
}

func BenchmarkTrim(b *testing.B) {
	raw := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"demo","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null,"token_ids":[1234]}]}`)
	b.ReportAllocs()
	for b.Loop() {
		extras{}.trim(raw)
	}
}
