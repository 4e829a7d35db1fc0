package reputation

import (
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// App is what a peer is asked to run. A new engine is a new App, of which
// nothing is known yet.
type App struct {
	Image string // OCI manifest digest, sha256:…
	Model string // CID; empty when there is none
}

// Standing is what a node thinks of a peer at one time.
type Standing struct {
	Score     float64 // lower bound of the expected rate of success, 0 to less than 1
	Direct    float64 // the same by this node's own receipts alone
	Indirect  float64 // weight of success that the word of others adds
	Known     bool    // there are receipts of dealings with it
	Valid     uint32  // results of the App on the class found right since the last wrong one
	Probation uint32  // how many more are to be checked, whatever the rate
	Suspect   bool    // proven fraud, or bad news of those whom this node pays
	Owes      uint64  // attempts of ours that it never paid
}

// Standing returns what this node thinks of peer when it asks it for results of
// app on hardware of that class. The zero App is all of them, on any class.
func (b *Book) Standing(now time.Time, peer identity.PubKey, app App, class string) (Standing, error) {
	x, err := b.ledger.Explain(now, peer)
	if err != nil {
		return Standing{}, err
	}
	return Standing{Score: x.Score, Direct: x.Score, Known: len(x.Items) > 0}, nil
}
