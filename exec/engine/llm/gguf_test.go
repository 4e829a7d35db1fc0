package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
)

const demoModel = "../model/infernet-demo.gguf"

func TestMetadataOfTheDemoModel(t *testing.T) {
	t.Parallel()
	m, err := readMetadata(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	if m.arch != "llama" || m.context != 512 || m.template != phi3Jinja {
		t.Errorf("got %+v", m)
	}
}

func TestMetadataRefuses(t *testing.T) {
	t.Parallel()
	u := binary.LittleEndian
	head := func(keys uint64) []byte {
		b := u.AppendUint32([]byte("GGUF"), 3)
		return u.AppendUint64(u.AppendUint64(b, 0), keys)
	}
	key := func(name string, kind uint32) []byte {
		b := append(u.AppendUint64(nil, uint64(len(name))), name...)
		return u.AppendUint32(b, kind)
	}
	huge := append(append(head(1), key("general.architecture", ggufString)...), bytes.Repeat([]byte{0xff}, 8)...)
	nested := append(head(1), key("x", ggufArray)...)
	for range 8 {
		nested = u.AppendUint64(u.AppendUint32(nested, ggufArray), 1)
	}
	for name, raw := range map[string][]byte{
		"empty":          nil,
		"another format": []byte("PK\x03\x04 and so on"),
		"version 1":      u.AppendUint32([]byte("GGUF"), 1),
		"too many keys":  head(1 << 40),
		"cut short":      head(3),
		"huge string":    huge,
		"deep arrays":    nested,
		"unknown type":   append(head(1), key("x", 77)...),
	} {
		if _, err := parseMetadata(bytes.NewReader(raw)); !errors.Is(err, errNotGGUF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataNamesTheFile(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/m.gguf"
	if err := os.WriteFile(path, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readMetadata(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func FuzzMetadata(f *testing.F) {
	raw, err := os.ReadFile(demoModel)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[:4096])
	f.Fuzz(func(_ *testing.T, raw []byte) {
		// It must neither panic nor take memory beyond its bounds.
		_, _ = parseMetadata(bytes.NewReader(raw))
	})
}
