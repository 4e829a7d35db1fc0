package gguf_test

import (
	"bytes"
	"math"
	"os"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/gguf/gguftest"
)

// TestVariants changes the demonstration model and reads it back.
func TestVariants(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../model/infernet-demo.gguf")
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) (all map[string][]float32) {
		all = map[string][]float32{}
		same, err := gguftest.Variant(b, func(name string, _ []uint64, w []float32) { all[name] = append([]float32(nil), w...) })
		if err != nil || !bytes.Equal(same, b) {
			t.Fatalf("reading changes the file (%v)", err)
		}
		return all
	}
	was := read(file)
	if len(was) != 47 {
		t.Fatalf("%d tensors", len(was))
	}
	// off is how far the weights moved, as a share of their size.
	off := func(edit func(string, []uint64, []float32)) float64 {
		b, err := gguftest.Variant(file, edit)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := gguf.ReadHeader(bytes.NewReader(b), gguf.DefaultLimits()); err != nil || h.TensorCount != 47 {
			t.Fatalf("%+v, %v", h, err)
		}
		diff, all := 0.0, 0.0
		for name, w := range read(b) {
			for i, v := range w {
				diff += math.Pow(float64(v-was[name][i]), 2)
				all += math.Pow(float64(was[name][i]), 2)
			}
		}
		return math.Sqrt(diff / all)
	}
	for name, tc := range map[string]struct {
		edit      func(string, []uint64, []float32)
		low, high float64
	}{
		"8 bits": {gguftest.Quantise(8), 0.001, 0.02}, "4 bits": {gguftest.Quantise(4), 0.03, 0.2}, "2 bits": {gguftest.Quantise(2), 0.2, 0.9},
		"a layer": {gguftest.DropLayers(2), 0.05, 0.6}, "a head": {gguftest.DropHead(1, 32), 0.02, 0.5},
		"pruned": {gguftest.Prune(0.3), 0.02, 0.3}, "jitter": {gguftest.Jitter(1e-3), 1e-4, 2e-3},
	} {
		if got := off(tc.edit); got < tc.low || got > tc.high {
			t.Errorf("%s: weights moved by %.4f of their size", name, got)
		}
	}
}
