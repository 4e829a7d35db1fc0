package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ line, id, err string }{
		{`{"id":"a","prompt":"p"}`, `"a"`, ""},
		{`{"id":7,"prompt":"p","max_tokens":3}`, `7`, ""},
		{`{"prompt":"p"}`, `12`, ""},
		{`{"id":null,"prompt":""}`, `12`, ""},
		{`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}`, `12`, ""},
		{`What is this?`, "", "not the JSON object"},
		{`"text"`, "", "not the JSON object"},
		{`[]`, "", "not the JSON object"},
		{`{"promt":"p"}`, "", "unknown field"},
		{`{"prompt":"p"} {}`, "", "something follows"},
		{`{"prompt":"p"`, "", "not the JSON object"},
		{"{\"prompt\":\"\xff\"}", "", "UTF-8"},
		{`{"id":{},"prompt":"p"}`, "", "neither a string nor a number"},
		{`{"id":true,"prompt":"p"}`, "", "neither a string nor a number"},
		{`{"id":"` + strings.Repeat("x", 300) + `","prompt":"p"}`, "", "id of more than"},
		{`{}`, "", "neither prompt nor messages"},
		{`{"prompt":"p","messages":[]}`, "", "both prompt and messages"},
		{`{"messages":[{"role":"tool","content":"x"}]}`, "", `role "tool"`},
		{`{"prompt":"p","max_tokens":0}`, "", "less than 1"},
	} {
		r, err := parseRequest([]byte(tc.line), 12)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%.60s: error %v, want one of %q", tc.line, err, tc.err)
			}
			continue
		}
		if err != nil || string(r.ID) != tc.id {
			t.Errorf("%.60s: id %s, error %v", tc.line, r.ID, err)
		}
	}
}

func TestEachRequestNamesTheLine(t *testing.T) {
	t.Parallel()
	var ids []string
	in := "{\"prompt\":\"a\"}\r\n\n  \n{\"prompt\":\"b\"}\nnot json\n"
	err := eachRequest("x.jsonl", strings.NewReader(in), func(r request) error {
		ids = append(ids, string(r.ID))
		return nil
	})
	if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), "x.jsonl line 5:") {
		t.Errorf("error %v does not name line 5", err)
	}
	if !slices.Equal(ids, []string{"1", "4"}) {
		t.Errorf("ids %v", ids)
	}
}

func TestEachRequestBoundsLines(t *testing.T) {
	t.Parallel()
	pad := func(n int) string { return `{"prompt":"` + strings.Repeat("x", n-len(`{"prompt":""}`)) + `"}` }
	none := func(request) error { return nil }
	if err := eachRequest("x", strings.NewReader(pad(maxLine)+"\r\n"+pad(maxLine)), none); err != nil {
		t.Errorf("longest line: %v", err)
	}
	err := eachRequest("x", strings.NewReader("{\"prompt\":\"a\"}\n"+pad(maxLine+3)+"\n"), none)
	if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), "line 2: longer than") {
		t.Errorf("line too long: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"id":"a","prompt":"p","max_tokens":1}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":"u"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line, 1)
		if err == nil && (len(r.turns()) == 0 || len(r.ID) == 0) {
			t.Errorf("accepted without id or turns: %q", line)
		}
	})
}
