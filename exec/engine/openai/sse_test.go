package openai

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

func TestEventReader(t *testing.T) {
	t.Parallel()
	stream := ": hello\n\ndata: {\"a\":1}\n\ndata: {\"b\":\ndata: 2}\r\n\r\nevent: x\ndata:[DONE]\n\n"
	for name, in := range map[string]io.Reader{"whole": strings.NewReader(stream), "bytes": iotest.OneByteReader(strings.NewReader(stream))} {
		r := NewEventReader(in, 64)
		var raw []byte
		for i, want := range []string{"", `{"a":1}`, "{\"b\":\n2}", "[DONE]"} {
			ev, err := r.Next()
			if err != nil || string(ev.Data) != want || ev.Done() != (i == 3) {
				t.Fatalf("%s: event %d is %q, %v", name, i, ev.Data, err)
			}
			raw = append(raw, ev.Raw...)
		}
		if string(raw) != stream {
			t.Errorf("%s: changed: %q", name, raw)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: end is %v", name, err)
		}
	}
	r := NewEventReader(strings.NewReader("data: 1\n\ndata: 2\n"), 64)
	if _, err := r.Next(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Errorf("cut: %v", err)
	}
	for _, long := range []string{strings.Repeat("x", 100000), strings.Repeat("data: 1\n", 1000)} {
		in := strings.NewReader(long)
		if _, err := NewEventReader(in, 64).Next(); !errors.Is(err, ErrEventTooLong) {
			t.Errorf("long: %v", err)
		}
		if read := len(long) - in.Len(); read > 8192 {
			t.Errorf("%d bytes were read", read)
		}
	}
}

func TestEventWriter(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := NewEventWriter(w)
		if r.URL.Path == "/early" {
			_ = e.Fail(RateLimit("too many"))
			return
		}
		for _, err := range []error{e.Event(ChatChunk{Object: ObjectChatChunk}), e.Raw([]byte("data: <raw>\n\n")), e.Fail(Upstream("gone")), e.Done()} {
			if err != nil {
				t.Error(err)
			}
		}
		<-r.Context().Done() // what was written is there without the end
	}))
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("content type %q", ct)
	}
	r := NewEventReader(resp.Body, MaxEvent)
	for _, want := range []string{`"choices":null`, "<raw>", `{"error":{"message":"gone","type":"upstream_error","param":null,"code":"upstream_error"}}`, "[DONE]"} {
		ev, err := r.Next()
		if err != nil || !bytes.Contains(ev.Data, []byte(want)) {
			t.Errorf("%q, %v; want %q", ev.Data, err, want)
		}
	}
	_ = resp.Body.Close()
	if resp, err = srv.Client().Get(srv.URL + "/early"); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 429 || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", resp)
	}
}

func FuzzEventReader(f *testing.F) {
	f.Add([]byte("data: 1\n\n: c\n\ndata: [DONE]\r\n\r\n"))
	f.Add([]byte("data"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewEventReader(bytes.NewReader(b), 256)
		n := 0
		for {
			ev, err := r.Next()
			if err != nil {
				return
			}
			if len(ev.Raw) > 256 || !bytes.Equal(ev.Raw, b[n:n+len(ev.Raw)]) {
				t.Fatalf("event %q at %d", ev.Raw, n)
			}
			n += len(ev.Raw)
		}
	})
}
