package main

import (
	"net/http"
	"testing"
)

// A short request must not make a text that fills the engine's memory.
func TestDetokenizeBounded(t *testing.T) {
	cl := start(t)
	if e := cl.refusal(t, "/detokenize", fields{"model": "demo", "tokens": make([]int, 1_000_000)}); e.Status != http.StatusBadRequest || e.Param != "tokens" {
		t.Errorf("%d %s %s", e.Status, e.Param, e.Message)
	}
}
