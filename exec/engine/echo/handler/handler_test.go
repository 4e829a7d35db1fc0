package handler

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

func TestSplitLosesNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "one": 1, "one two": 2, " one  two\n": 3, "ein Käse – 你好": 4, strings.Repeat("x", 100): 4, strings.Repeat(" ", 40): 2,
	} {
		got := split(text)
		if strings.Join(got, "") != text || len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
		for _, word := range got {
			if len(word) > maxWord {
				t.Errorf("%q is long", word)
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("a b\xff c")
	f.Fuzz(func(t *testing.T, s string) {
		if got := strings.Join(split(s), ""); got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// chat asks an engine of its own.
func chat(t *testing.T, cfg Config, text string) (int, openai.ChatResponse, error) {
	t.Helper()
	srv := httptest.NewServer(New(cfg))
	defer srv.Close()
	body := `{"model":"echo","messages":[{"role":"user","content":` + strconv.Quote(text) + `}]}`
	resp, err := srv.Client().Post(srv.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return 0, openai.ChatResponse{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r openai.ChatResponse
	if resp.StatusCode == http.StatusOK {
		err = json.Unmarshal(raw, &r)
	} else if !bytes.Contains(raw, []byte(`"error"`)) {
		t.Errorf("%q", raw)
	}
	return resp.StatusCode, r, err
}

func TestKnobs(t *testing.T) {
	t.Parallel()
	_, r, err := chat(t, Config{}, "@repeat=10 one two")
	if err != nil || r.Usage.CompletionTokens != 10 || r.Usage.PromptTokens != 5 || len(split(r.Choices[0].Message.Content.String())) != 10 {
		t.Errorf("repeat: %+v, %v", r, err)
	}
	_, r, err = chat(t, Config{}, "@lie=3 one two")
	if err != nil || r.Usage.CompletionTokens != 9 || r.Choices[0].Message.Content.String() != "@lie=3 one two" {
		t.Errorf("lie: %+v, %v", r, err)
	}
	_, r, err = chat(t, Config{}, "@garble=2 one two three")
	if err != nil || r.Choices[0].Message.Content.String() != "@garble=2 other two other" {
		t.Errorf("garble: %+v, %v", r, err)
	}
	for text, want := range map[string]int{"@error=503": 503, "@error=429 x": 429, "@delay=long": 400} {
		if status, _, err := chat(t, Config{}, text); status != want || err != nil {
			t.Errorf("%s: %d, %v", text, status, err)
		}
	}
	begun := time.Now()
	if _, _, err := chat(t, Config{}, "@delay=20ms one two"); err != nil || time.Since(begun) < 40*time.Millisecond {
		t.Errorf("delay: %v after %v", err, time.Since(begun))
	}
	if status, _, err := chat(t, Config{}, "@cut=1 one two"); err == nil {
		t.Errorf("cut: answered %d", status)
	}
	code := 0
	if _, _, err := chat(t, Config{Exit: func(c int) { code = c }}, "@crash=1 one two"); err == nil || code != 3 {
		t.Errorf("crash: code %d, %v", code, err)
	}
	if status, _, _ := chat(t, Config{Context: 4}, "one two three"); status != 400 {
		t.Errorf("context: %d", status)
	}
	// Words that only look like knobs are words.
	_, r, err = chat(t, Config{}, "ann@example.org @ann @x=1 a=b =")
	if err != nil || r.Choices[0].Message.Content.String() != "ann@example.org @ann @x=1 a=b =" {
		t.Errorf("%+v, %v", r, err)
	}
}
