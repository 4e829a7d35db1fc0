//go:build headers

package main

// llama.cpp's audio reader includes miniaudio.h, which lies in this module. It
// is named here so that go.mod and go.sum keep it; nothing of it is compiled.
import _ "github.com/gen2brain/malgo"
