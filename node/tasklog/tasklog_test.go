package tasklog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	sent := []Chunk{
		{Stdout, []byte("hello")},
		{Stderr, nil},
		{Stdout, bytes.Repeat([]byte{'x'}, MaxChunk)},
	}
	for _, c := range sent {
		if err := Write(&buf, c); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(&buf)
	for i, want := range sent {
		got, err := Read(r)
		if err != nil || got.Stream != want.Stream || !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("chunk %d: got %v %d bytes, %v", i, got.Stream, len(got.Data), err)
		}
	}
	if _, err := Read(r); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last chunk: %v, want io.EOF", err)
	}
}

func TestHostileFrames(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"unknown stream": "\x07\x01x",
		"no length":      "\x01",
		"length 2^63":    "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
		"too long":       "\x01\x81\x80\x04",
		"cut short":      "\x01\x05abc",
	} {
		if _, err := Read(bufio.NewReader(strings.NewReader(in))); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v, want ErrFrame", name, err)
		}
	}
	if err := Write(io.Discard, Chunk{Stdout, make([]byte, MaxChunk+1)}); !errors.Is(err, ErrFrame) {
		t.Errorf("oversized write: %v, want ErrFrame", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\x01\x05hello\x02\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		for {
			c, err := Read(r)
			if err != nil {
				return
			}
			if len(c.Data) > MaxChunk {
				t.Fatalf("chunk of %d bytes", len(c.Data))
			}
		}
	})
}
