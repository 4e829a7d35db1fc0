package gguf

import (
	"fmt"
	"math/bits"
)

// tensorType is one of ggml's types: how many elements make a block and how
// many bytes a block has.
type tensorType struct {
	name         string
	block, bytes uint64
}

// tensorTypes are ggml's types by number (ggml/include/ggml.h); those that are
// gone have no entry.
func tensorTypes() map[uint32]tensorType {
	return map[uint32]tensorType{
		0: {"F32", 1, 4}, 1: {"F16", 1, 2}, 2: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20},
		6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24}, 8: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 36},
		10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, 12: {"Q4_K", 256, 144}, 13: {"Q5_K", 256, 176},
		14: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292}, 16: {"IQ2_XXS", 256, 66}, 17: {"IQ2_XS", 256, 74},
		18: {"IQ3_XXS", 256, 98}, 19: {"IQ1_S", 256, 50}, 20: {"IQ4_NL", 32, 18}, 21: {"IQ3_S", 256, 110},
		22: {"IQ2_S", 256, 82}, 23: {"IQ4_XS", 256, 136}, 24: {"I8", 1, 1}, 25: {"I16", 1, 2},
		26: {"I32", 1, 4}, 27: {"I64", 1, 8}, 28: {"F64", 1, 8}, 29: {"IQ1_M", 256, 56},
		30: {"BF16", 1, 2}, 34: {"TQ1_0", 256, 54}, 35: {"TQ2_0", 256, 66}, 39: {"MXFP4", 32, 17},
	}
}

// fileTypeName is what general.file_type stands for (llama_ftype in llama.h),
// "" for what is not known.
func fileTypeName(id uint64) string {
	const guessed = 1024 // a flag of llama.cpp: not said by the file
	return map[uint64]string{
		0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1",
		10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M",
		16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S",
		22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
		28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
		38: "MXFP4_MOE",
	}[id&^guessed]
}

// product multiplies a shape out. Errors: ErrMalformed past 64 bits.
func product(dims []uint64) (uint64, error) {
	n := uint64(1)
	for _, d := range dims {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 {
			return 0, fmt.Errorf("%w: a tensor of more than 2^64 elements", ErrMalformed)
		}
		n = lo
	}
	return n, nil
}

// sum adds and refuses what 64 bits cannot hold.
func sum(a, b uint64) (uint64, error) {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return 0, fmt.Errorf("%w: sizes past 2^64", ErrMalformed)
	}
	return s, nil
}

// share counts elements by type, to tell what most of a model is.
type share map[string]uint64

// most is the type of most elements; of equals the first by name.
func (s share) most() string {
	best := ""
	for name, n := range s {
		if best == "" || n > s[best] || n == s[best] && name < best {
			best = name
		}
	}
	return best
}
