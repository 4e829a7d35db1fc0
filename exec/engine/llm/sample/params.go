package sample

import "errors"

// ErrNoToken: no token is left to choose: the logits are no numbers, or a
// constraint allows none of them.
var ErrNoToken = errors.New("the model gives no token that may be chosen")

// Params say how to choose. The zero value is greedy.
type Params struct {
	Temperature float64         // 0 is greedy
	TopK        int             // keep the K likeliest; 0 keeps all
	TopP        float64         // keep the likeliest that make up this share; 0 and 1 keep all
	MinP        float64         // drop what is less likely than this share of the likeliest
	Frequency   float64         // taken off for each time a token was generated
	Presence    float64         // taken off once for a token that was generated
	Repeat      float64         // divides the logit of tokens seen, prompt included; 0 and 1 are neutral
	Bias        map[int]float64 // added to logits
	Seed        uint64
	Stream      uint64 // tells the answers to one request apart
}

// Constraint narrows what may be chosen, as a grammar does.
type Constraint interface {
	// Allows says whether a token may come next.
	Allows(token int) bool
	// Mask sets the logits of all tokens that may not come next to -Inf.
	Mask(logits []float32)
}
