package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	for want, e := range map[int]*Error{
		400: BadRequest("n", "must be %d", 1), 404: NotFound("x"), 413: TooLarge(9), 429: RateLimit("a"),
		402: Payment("b"), 503: Unavailable("c"), 502: Upstream("d"),
	} {
		w := httptest.NewRecorder()
		WriteError(w, fmt.Errorf("wrapped: %w", e))
		if w.Code != want || e.Status != want {
			t.Errorf("%v: status %d", e, w.Code)
		}
		if back := ReadError(w.Code, w.Body.Bytes()); !reflect.DeepEqual(back, e) {
			t.Errorf("%+v came back as %+v", e, back)
		}
	}
	if e := ContextLength(512, 600); e.Code != "context_length_exceeded" || e.Status != 400 {
		t.Errorf("%+v", e)
	}
	raw, err := json.Marshal(BadRequest("", "bad"))
	if err != nil || string(raw) != `{"error":{"message":"bad","type":"invalid_request_error","param":null,"code":null}}` {
		t.Errorf("%s, %v", raw, err)
	}
	if e := AsError(errors.New("open /home/ann: denied")); e.Status != 500 || strings.Contains(e.Message, "ann") {
		t.Errorf("%+v", e)
	}
}

func TestReadErrorOfOthers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Error{
		`{"error":{"code":400,"message":"a","type":"b"}}`:       {Status: 400, Message: "a", Type: "b"}, // llama.cpp
		`{"error":"no such model"}`:                             {Status: 400, Message: "no such model", Type: TypeInvalidRequest},
		`{"object":"error","message":"m","type":"T","code":40}`: {Status: 400, Message: "m", Type: "T"},
		`<html>`:           {Status: 400, Message: "Bad Request", Type: TypeInvalidRequest},
		`{"error":[1]}`:    {Status: 400, Message: "Bad Request", Type: TypeInvalidRequest},
		`{"error":{}}`:     {Status: 400, Message: "Bad Request", Type: TypeInvalidRequest},
		`{"detail":"why"}`: {Status: 400, Message: "Bad Request", Type: TypeInvalidRequest},
	} {
		if got := ReadError(400, []byte(body)); *got != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if e := ReadError(500, []byte(`{"error":"`+strings.Repeat("x", 9999)+`"}`)); len(e.Message) > 2048 {
		t.Errorf("%d bytes of message", len(e.Message))
	}
}

func TestVector(t *testing.T) {
	t.Parallel()
	for _, v := range []Vector{{Values: []float32{1, -0.5}}, {Values: []float32{1, -0.5}, Base64: true}} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back Vector
		if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(v, back) {
			t.Errorf("%s: %+v, %v", raw, back, err)
		}
	}
	for _, bad := range []string{`"AAA="`, `"!"`, `{}`} {
		if json.Unmarshal([]byte(bad), new(Vector)) == nil {
			t.Errorf("read %s", bad)
		}
	}
}
