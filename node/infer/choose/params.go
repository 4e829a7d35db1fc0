package choose

import (
	"errors"
	"fmt"
)

// ErrParams marks parameters that cannot work.
var ErrParams = errors.New("bad parameters of the choice")

// Params weigh what is known of a provider. A weight of 1 on price means that
// twice the price costs ln 2 of score.
type Params struct {
	Price, Speed, Queue, Reputation, Warm, Failures, Session float64
	// Temperature divides scores before the softmax: near 0 the best takes
	// nearly all but Floor.
	Temperature float64
	// Floor is the share of requests spread over everyone eligible by price;
	// SessionFloor is that share for requests that have a session elsewhere,
	// which a change of provider costs the prompt's cache.
	Floor, SessionFloor float64
}

// Default returns the weights of an ordinary client.
func Default() Params {
	return Params{
		Price: 1, Speed: 1, Queue: 1, Reputation: 1, Warm: 1, Failures: 1.5, Session: 4,
		Temperature: 0.5, Floor: 0.05, SessionFloor: 0.01,
	}
}

// Validate returns the first thing wrong with p, wrapping ErrParams.
func (p Params) Validate() error {
	for _, w := range []float64{p.Price, p.Speed, p.Queue, p.Reputation, p.Warm, p.Failures, p.Session} {
		if !(w >= 0 && w <= 100) {
			return fmt.Errorf("%w: a weight of %v", ErrParams, w)
		}
	}
	if !(p.Temperature >= 0.01 && p.Temperature <= 100) {
		return fmt.Errorf("%w: temperature %v", ErrParams, p.Temperature)
	}
	for _, f := range []float64{p.Floor, p.SessionFloor} {
		if !(f > 0 && f <= 1) {
			return fmt.Errorf("%w: floor %v", ErrParams, f)
		}
	}
	return nil
}
