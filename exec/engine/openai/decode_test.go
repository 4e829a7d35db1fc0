package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const chatBody = `{"model":"demo","messages":[{"role":"system","content":"You are brief."},
 {"role":"user","content":[{"type":"text","text":"What is "},{"type":"text","text":"the capital of France?"}]}],
 "stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":64,"temperature":0,"top_p":0.9,"n":2,
 "stop":"\n","seed":7,"logit_bias":{"50256":-100},"logprobs":true,"top_logprobs":3,"user":"ann",
 "tools":[{"type":"function","function":{"name":"now","strict":true}}],"tool_choice":"auto","parallel_tool_calls":false,
 "response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}},
 "min_p":0.05,"chat_template_kwargs":{"enable_thinking":false}}`

func TestDecodeChat(t *testing.T) {
	t.Parallel()
	r, err := DecodeChat([]byte(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	if r.Model != "demo" || len(r.Messages) != 2 || r.Messages[1].Content.String() != "What is the capital of France?" {
		t.Errorf("%+v", r.Messages)
	}
	if !r.Stream || !r.StreamOptions.IncludeUsage || r.MaxOutput() != 64 || !r.Deterministic() || r.Choices() != 2 || *r.Seed != 7 {
		t.Errorf("%+v", r.Sampling)
	}
	if !reflect.DeepEqual(r.Stop, Stop{"\n"}) || r.LogitBias["50256"] != -100 || !r.Logprobs || *r.TopLogprobs != 3 || *r.ParallelToolCalls {
		t.Errorf("%+v", r)
	}
	if string(r.Tools[0]) != `{"type":"function","function":{"name":"now","strict":true}}` || string(r.ToolChoice) != `"auto"` {
		t.Errorf("tools %s, choice %s", r.Tools, r.ToolChoice)
	}
	if string(r.ResponseFormat.JSONSchema.Schema) != `{"type":"object"}` {
		t.Errorf("%+v", r.ResponseFormat)
	}
	if len(r.Extra) != 2 || string(r.Extra["min_p"]) != "0.05" {
		t.Errorf("extra %s", r.Extra)
	}
	again, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := DecodeChat(again); err != nil || !reflect.DeepEqual(r, second) {
		t.Errorf("not the same after encoding: %v\n%s", err, again)
	}
}

// chatWith is a good body with these members added.
func chatWith(members string) string {
	return `{"model":"m","messages":[{"role":"user","content":"hi"}]` + members + `}`
}

func TestDecodeChatRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, param string }{
		"empty":             {``, ""},
		"not JSON":          {`{"model":`, ""},
		"a list":            {`[]`, ""},
		"trailing":          {chatWith("") + "x", ""},
		"bad UTF-8":         {chatWith(`,"user":"` + "\xff" + `"`), ""},
		"deep":              {chatWith(`,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), ""},
		"no model":          {`{"messages":[{"role":"user","content":"hi"}]}`, "model"},
		"model a number":    {chatWithout(`"model":3`), "model"},
		"long model":        {chatWithout(`"model":"` + strings.Repeat("m", 300) + `"`), "model"},
		"no messages":       {`{"model":"m"}`, "messages"},
		"messages empty":    {`{"model":"m","messages":[]}`, "messages"},
		"messages a text":   {`{"model":"m","messages":"hi"}`, "messages"},
		"many messages":     {`{"model":"m","messages":[` + strings.Repeat(`{"role":"user","content":""},`, 2048) + `{"role":"user","content":""}]}`, "messages"},
		"message a text":    {`{"model":"m","messages":["hi"]}`, "messages[0]"},
		"role":              {`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"boss","content":"hi"}]}`, "messages[1].role"},
		"no role":           {`{"model":"m","messages":[{"content":"hi"}]}`, "messages[0].role"},
		"no content":        {`{"model":"m","messages":[{"role":"user"}]}`, "messages[0].content"},
		"null content":      {`{"model":"m","messages":[{"role":"assistant","content":null}]}`, "messages[0].content"},
		"content a number":  {`{"model":"m","messages":[{"role":"user","content":1}]}`, "messages[0].content"},
		"content twice":     {`{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}`, "messages[0].content"},
		"image":             {`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}`, "messages[0].content[0].type"},
		"many parts":        {`{"model":"m","messages":[{"role":"user","content":[` + strings.Repeat(`{"type":"text","text":""},`, 256) + `{"type":"text","text":""}]}]}`, "messages[0].content"},
		"twice":             {chatWith(`,"stream":false,"stream":true`), "stream"},
		"twice, escaped":    {chatWith(`,"stream":false,"stre\u0061m":true`), "stream"},
		"other case":        {chatWith(`,"N":100`), "N"},
		"other case, known": {chatWith(`,"max_Tokens":1`), "max_Tokens"},
		"long s":            {chatWith(`,"\u017ftream":true`), ""},
		"many members":      {chatWith(extras(300)), ""},
		"temperature":       {chatWith(`,"temperature":3`), "temperature"},
		"temperature text":  {chatWith(`,"temperature":"hot"`), "temperature"},
		"top_p":             {chatWith(`,"top_p":-0.1`), "top_p"},
		"penalty":           {chatWith(`,"presence_penalty":2.5`), "presence_penalty"},
		"n":                 {chatWith(`,"n":0`), "n"},
		"n large":           {chatWith(`,"n":100000`), "n"},
		"max_tokens":        {chatWith(`,"max_tokens":0`), "max_tokens"},
		"max_tokens, part":  {chatWith(`,"max_tokens":1.5`), "max_tokens"},
		"max_completion":    {chatWith(`,"max_completion_tokens":-1`), "max_completion_tokens"},
		"seed":              {chatWith(`,"seed":1e300`), "seed"},
		"stop empty":        {chatWith(`,"stop":""`), "stop"},
		"stop number":       {chatWith(`,"stop":[1]`), "stop"},
		"many stops":        {chatWith(`,"stop":[` + strings.Repeat(`"a",`, 256) + `"a"]`), "stop"},
		"many biases":       {chatWith(`,"logit_bias":{` + strings.TrimPrefix(extras(257), ",") + `}`), "logit_bias"},
		"bias":              {chatWith(`,"logit_bias":{"1":101}`), "logit_bias"},
		"many tools":        {chatWith(`,"tools":[` + strings.Repeat(`{},`, 256) + `{}]`), "tools"},
		"top_logprobs":      {chatWith(`,"logprobs":true,"top_logprobs":21`), "top_logprobs"},
		"top_logprobs only": {chatWith(`,"top_logprobs":2`), "top_logprobs"},
		"stream_options":    {chatWith(`,"stream_options":{"include_usage":true}`), "stream_options"},
		"format":            {chatWith(`,"response_format":{"type":"yaml"}`), "response_format.type"},
		"no schema":         {chatWith(`,"response_format":{"type":"json_schema"}`), "response_format.json_schema"},
		"schema a text":     {chatWith(`,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":"x"}}`), "response_format.json_schema.schema"},
		"format a text":     {chatWith(`,"response_format":"json"`), "response_format"},
	} {
		_, err := DecodeChat([]byte(c.body))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted, %v", name, err)
			continue
		}
		if e.Status != 400 || e.Type != TypeInvalidRequest || e.Param != c.param || e.Message == "" || len(e.Message) > 200 {
			t.Errorf("%s: %+v, want param %q", name, e, c.param)
		}
	}
}

// chatWithout is a good body but for its model.
func chatWithout(instead string) string {
	return `{` + instead + `,"messages":[{"role":"user","content":"hi"}]}`
}

func extras(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"x%d":1`, i)
	}
	return b.String()
}

func TestDecodeChatAccepts(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nulls":     chatWith(`,"stop":null,"temperature":null,"n":null,"stream":null,"stream_options":null,"response_format":null`),
		"tool turn": `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"3"}]}`,
		"old call":  `{"model":"m","messages":[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}},{"role":"function","name":"f","content":"3"}]}`,
		"spaces":    " \n{ \"model\" : \"m\" , \"messages\" : [ { \"role\" : \"user\" , \"content\" : \"\\\"\" } ] }\n",
		"prefix":    `{"model":"m","messages":[{"role":"user","content":""}],"streaming":1}`,
	} {
		if _, err := DecodeChat([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	media := DefaultLimits()
	media.Media = true
	part := `{"type":"image_url","image_url":{"url":"data:x"}}`
	r, err := media.DecodeChat([]byte(`{"model":"m","messages":[{"role":"user","content":[` + part + `]}]}`))
	if err != nil || string(r.Messages[0].Content.Parts[0].Raw) != part {
		t.Errorf("media: %+v, %v", r, err)
	}
	out, err := json.Marshal(r.Messages[0].Content)
	if err != nil || string(out) != "["+part+"]" {
		t.Errorf("media again: %s, %v", out, err)
	}
}

func TestDecodeCompletionAndEmbedding(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Input{
		`"a"`:         {Texts: []string{"a"}, Single: true},
		`["a","b"]`:   {Texts: []string{"a", "b"}},
		`[1,2]`:       {Tokens: [][]int{{1, 2}}, Single: true},
		`[[1],[2,3]]`: {Tokens: [][]int{{1}, {2, 3}}},
	} {
		c, err := DecodeCompletion([]byte(`{"model":"m","prompt":` + in + `,"max_tokens":0,"logprobs":5,"echo":true,"grammar":"x"}`))
		if err != nil || !reflect.DeepEqual(c.Prompt, want) || *c.Logprobs != 5 || !c.Echo || len(c.Extra) != 1 {
			t.Errorf("%s: %+v, %v", in, c, err)
		}
		e, err := DecodeEmbedding([]byte(`{"model":"m","input":` + in + `,"encoding_format":"base64"}`))
		if err != nil || !reflect.DeepEqual(e.Input, want) {
			t.Errorf("%s: %+v, %v", in, e, err)
		}
		if out, err := json.Marshal(want); err != nil || string(out) != in {
			t.Errorf("%s is written %s, %v", in, out, err)
		}
	}
	for body, param := range map[string]string{
		`{"model":"m"}`:                                     "input",
		`{"model":"m","input":[]}`:                          "input",
		`{"model":"m","input":""}`:                          "input",
		`{"model":"m","input":["a",1]}`:                     "input[1]",
		`{"model":"m","input":[1,"a"]}`:                     "input",
		`{"model":"m","input":[-1]}`:                        "input",
		`{"model":"m","input":[[1],[1.5]]}`:                 "input[1]",
		`{"model":"m","input":{}}`:                          "input",
		`{"model":"m","input":"a","encoding_format":"hex"}`: "encoding_format",
		`{"model":"m","input":"a","dimensions":0}`:          "dimensions",
	} {
		var e *Error
		if _, err := DecodeEmbedding([]byte(body)); !errors.As(err, &e) || e.Param != param {
			t.Errorf("%s: %v, want param %q", body, err, param)
		}
	}
	few := Limits{Messages: 2, List: 9, Tokens: 3, Depth: 9}
	for _, in := range []string{`["a","b","c"]`, `[1,2,3,4]`, `[[1,2],[3,4]]`} {
		if _, err := few.DecodeEmbedding([]byte(`{"model":"m","input":` + in + `}`)); err == nil {
			t.Errorf("%s: within limits", in)
		}
	}
}

func TestDecodeExtensions(t *testing.T) {
	t.Parallel()
	tok, err := DecodeTokenize([]byte(`{"model":"m","messages":[{"role":"user","content":"a"}],"add_special_tokens":false,"x":1}`))
	if err != nil || len(tok.Messages) != 1 || *tok.AddSpecialTokens {
		t.Errorf("%+v, %v", tok, err)
	}
	det, err := DecodeDetokenize([]byte(`{"tokens":[1,2,3]}`))
	if err != nil || !reflect.DeepEqual(det.Tokens, []int{1, 2, 3}) {
		t.Errorf("%+v, %v", det, err)
	}
	rep, err := DecodeReplay([]byte(`{"prompt":"a","token_ids":[4]}`))
	if err != nil || rep.Prompt != "a" || rep.TokenIDs[0] != 4 {
		t.Errorf("%+v, %v", rep, err)
	}
	for _, body := range []string{`{"prompt":"a"}`, `{"token_ids":[1]}`, `{"prompt":"a","prompt_token_ids":[1],"completion":"b"}`, `{"prompt":"a","completion":"b","token_ids":[1]}`} {
		if _, err := DecodeReplay([]byte(body)); err == nil {
			t.Errorf("accepted %s", body)
		}
	}
}

func BenchmarkDecodeChat(b *testing.B) {
	body := []byte(strings.Replace(chatBody, "You are brief.", strings.Repeat("You are brief. ", 60), 1))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeChat(body); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(chatBody))
	f.Add([]byte(`{"model":"m","prompt":[[1],[2]],"stop":["a","\u00e9"]}`))
	f.Add([]byte(`{"model":"m","input":"a\\","encoding_format":"base64"}`))
	f.Add([]byte(`{"prompt_token_ids":[1],"completion":"\"b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, decode := range []func([]byte) (any, error){
			func(b []byte) (any, error) { return DecodeChat(b) },
			func(b []byte) (any, error) { return DecodeCompletion(b) },
			func(b []byte) (any, error) { return DecodeEmbedding(b) },
			func(b []byte) (any, error) { return DecodeTokenize(b) },
			func(b []byte) (any, error) { return DecodeDetokenize(b) },
			func(b []byte) (any, error) { return DecodeReplay(b) },
		} {
			v, err := decode(body)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Status != 400 {
					t.Fatalf("%T %v", err, err)
				}
				continue
			}
			if out, err := json.Marshal(v); err != nil || !json.Valid(out) {
				t.Fatalf("encode %+v: %v", v, err)
			}
		}
		// What is well-formed is read as encoding/json reads it.
		var std map[string]json.RawMessage
		if wellFormed(body, 64) != "" || json.Unmarshal(body, &std) != nil || std == nil {
			return
		}
		seen := map[string]bool{}
		if _, err := members(body, func(m member) bool {
			seen[m.name] = true
			got := bytes.TrimSpace(body[m.start:m.end])
			if !json.Valid(got) {
				t.Fatalf("%q has value %q", m.name, got)
			}
			return true
		}); err != nil || len(seen) != len(std) {
			t.Fatalf("%v, %v of %v", err, seen, std)
		}
	})
}
