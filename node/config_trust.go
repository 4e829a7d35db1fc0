package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// TrustConfig says whose word this node takes, and what its own word costs.
type TrustConfig struct {
	Validators      []string          // npubs of validators that this node trusts: they decide disputes
	ValidatorPrice  uint64            // credits for one verdict of this node, whatever it is; with the validator role
	ValidatorPrices []payments.Amount // the same in units of money
	// ProbePPM is how often a validator that this node does not trust gets,
	// beside what it is asked, something whose answer is known; 0: 5%.
	ProbePPM uint32
	// BillGrace is how long a client may take to pay for a job that this node drove
	// for it, before this node says that it did not; 0: a quarter of an hour.
	BillGrace time.Duration
	// AuditAnswers has a share of the answers to this node's own prompts
	// replayed by another provider, who then has read them too.
	AuditAnswers bool
}

// OperatorPath is the file of the signed binding, the JSON of an event, that
// says whose this node is. There is none where nobody says so.
func OperatorPath(home string) string { return filepath.Join(home, "operator.json") }

// DefaultValidatorPrice is what a validator takes for a verdict when nothing
// else is said.
const DefaultValidatorPrice = 5

// maxValidators bounds how many validators one node trusts: each is asked for a
// quote in a dispute.
const maxValidators = 16

func (c TrustConfig) validate() error {
	var errs []error
	if len(c.Validators) > maxValidators {
		errs = append(errs, fmt.Errorf("validators: %d of them, at most %d", len(c.Validators), maxValidators))
	}
	if c.ProbePPM > audit.All {
		errs = append(errs, fmt.Errorf("probes: %d ppm, at most %d", c.ProbePPM, audit.All))
	}
	for _, v := range c.Validators {
		if _, err := identity.ParsePubKey(v); err != nil {
			errs = append(errs, fmt.Errorf("validators: %.80q is no npub", v))
		}
	}
	if c.ValidatorPrice > mostRate {
		errs = append(errs, fmt.Errorf("validator-price: at most %d credits", uint64(mostRate)))
	}
	return errors.Join(errs...)
}

// validators are the trusted ones' keys; Validate has seen the text.
func (c TrustConfig) validators() []identity.PubKey {
	var keys []identity.PubKey
	for _, v := range c.Validators {
		if k, err := identity.ParsePubKey(v); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}
