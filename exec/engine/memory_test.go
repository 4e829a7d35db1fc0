package engine

import (
	"errors"
	"testing"
)

// llama1B is a model of a thousand million weights at four bits: 16 layers, 8
// heads of 64 numbers with keys and values.
var llama1B = Sizes{Weights: 800 << 20, CacheToken: 16 * 8 * (64 + 64) * 2, Context: 8192, Parallel: 8}

func TestMemory(t *testing.T) {
	t.Parallel()
	// 2 GiB of cache alone: twice the weights would not do.
	if got := llama1B.Memory(); got < 3<<30 || got > 4<<30 {
		t.Errorf("%d MiB", got>>20)
	}
	for _, tc := range []struct {
		most              uint64
		parallel, context int
	}{
		{8 << 30, 8, 8192}, {3 << 30, 4, 8192}, {2 << 30, 2, 8192}, {1700 << 20, 2, 4096}, {1500 << 20, 1, 2048},
	} {
		got, err := llama1B.Fit(tc.most)
		if err != nil || got.Parallel != tc.parallel || got.Context != tc.context || got.Memory() > tc.most {
			t.Errorf("%d MiB: %+v of %d MiB, %v", tc.most>>20, got, got.Memory()>>20, err)
		}
	}
	if got, err := llama1B.Fit(1 << 30); !errors.Is(err, ErrMemory) {
		t.Errorf("%+v, %v", got, err)
	}
	unknown := Sizes{Weights: 1 << 30, Context: 8192, Parallel: 8}
	if got := unknown.Memory(); got < 2<<30 || got > 3<<30 {
		t.Errorf("%d MiB", got>>20)
	}
}
