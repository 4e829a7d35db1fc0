package engine

import "fmt"

const (
	// computing is what an engine takes beside weights and cache.
	computing = 512 << 20
	// Below these an engine is of little use, and an error is better.
	leastContext  = 512
	usefulContext = 2048
)

// Sizes is what decides how much memory an engine takes.
type Sizes struct {
	Weights    uint64 // bytes of the model's file
	CacheToken uint64 // bytes of the cache for one token, as gguf.Header has it; 0: unknown
	Context    int    // tokens of one request
	Parallel   int    // requests at once
}

// Memory is how many bytes an engine of these sizes is to be allowed: its
// weights, a cache of Context tokens for each of Parallel requests, which
// engines take from the start, and room to compute in. Where the cache is not
// known it counts as much as the weights.
func (s Sizes) Memory() uint64 {
	cache := s.Weights
	if s.CacheToken > 0 {
		cache = s.CacheToken * uint64(max(s.Context, 1)) * uint64(max(s.Parallel, 1))
	}
	return s.Weights + s.Weights/8 + cache + computing
}

// Fit makes Parallel, and then Context, smaller until the engine fits into most
// bytes. Error: ErrMemory.
func (s Sizes) Fit(most uint64) (Sizes, error) {
	for s.Memory() > most {
		switch {
		case s.Parallel > 2:
			s.Parallel = (s.Parallel + 1) / 2
		case s.Context >= 2*usefulContext:
			s.Context /= 2
		case s.Parallel > 1:
			s.Parallel = 1
		case s.Context >= 2*leastContext:
			s.Context /= 2
		default:
			return s, fmt.Errorf("%w: it takes %d MiB with a context of %d tokens, and %d MiB are allowed",
				ErrMemory, s.Memory()>>20, s.Context, most>>20)
		}
	}
	return s, nil
}
