package chain

import (
	"bytes"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Bounds of an Op.
const (
	// MaxRef is the longest ref in bytes.
	MaxRef = 200
	// MaxData is the longest call data in bytes: 50 rows of a batch need 16 KiB.
	MaxData = 64 << 10
	// MaxWhy is the longest reason in bytes.
	MaxWhy = 200
)

// Op is one transaction that is to happen once.
type Op struct {
	// Ref names it for ever, as "chain/open/…"; 1 to MaxRef bytes of ASCII
	// without spaces.
	Ref string `json:"ref"`
	// To is called with Data; an Op never creates a contract.
	To   common.Address `json:"to"`
	Data []byte         `json:"data,omitempty"`
	// Value is what is sent along in wei; nil is nothing.
	Value *big.Int `json:"value,omitempty"`
	// Gas is the gas limit; 0 has it estimated, with a margin.
	Gas uint64 `json:"gas,omitempty"`
	// After is the ref of an Op that has to be in a block first; when it fails
	// this one fails.
	After string `json:"after,omitempty"`
	// NotAfter is when an Op that has no nonce yet is given up; zero is never.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Why is shown to people.
	Why string `json:"why,omitempty"`
}

// Validate returns ErrOp for an Op that cannot be sent.
func (o Op) Validate() error {
	if err := checkRef(o.Ref); err != nil {
		return err
	}
	if o.After != "" {
		if err := checkRef(o.After); err != nil {
			return err
		}
	}
	switch {
	case o.After == o.Ref:
		return fmt.Errorf("%w: %s waits for itself", ErrOp, o.Ref)
	case o.To == (common.Address{}):
		return fmt.Errorf("%w: %s goes nowhere", ErrOp, o.Ref)
	case len(o.Data) > MaxData, len(o.Why) > MaxWhy:
		return fmt.Errorf("%w: %s is too long", ErrOp, o.Ref)
	case o.Value != nil && (o.Value.Sign() < 0 || o.Value.BitLen() > 128):
		return fmt.Errorf("%w: %s has a value out of range", ErrOp, o.Ref)
	}
	return nil
}

// Same tells whether p does what o does.
func (o Op) Same(p Op) bool {
	return o.Ref == p.Ref && o.To == p.To && bytes.Equal(o.Data, p.Data) && o.value().Cmp(p.value()) == 0
}

func (o Op) value() *big.Int {
	if o.Value == nil {
		return new(big.Int)
	}
	return o.Value
}

func checkRef(ref string) error {
	if ref == "" || len(ref) > MaxRef {
		return fmt.Errorf("%w: a ref has 1 to %d bytes", ErrOp, MaxRef)
	}
	for _, c := range []byte(ref) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("%w: ref %.40q", ErrOp, ref)
		}
	}
	return nil
}

// State is where an Op stands; the package comment has the table.
type State string

// The states of an Op.
const (
	Queued   State = "queued"
	Pending  State = "pending"
	Mined    State = "mined"
	Final    State = "final"
	Failed   State = "failed"
	Replaced State = "replaced"
)

// Done tells that the state is for ever.
func (s State) Done() bool { return s == Final || s == Failed || s == Replaced }

// Sent is what is known of an Op.
type Sent struct {
	Op    Op    `json:"op"`
	State State `json:"state"`
	// Nonce is nil until one was given.
	Nonce *uint64 `json:"nonce,omitempty"`
	// Gas is the limit it is sent with.
	Gas uint64 `json:"gas,omitempty"`
	// Hash is of the transaction that was mined, else of the newest one sent.
	Hash common.Hash `json:"hash,omitzero"`
	// Tries are all transactions signed under the nonce, oldest first; at most
	// one of them ever gets into the chain.
	Tries []Try `json:"tries,omitempty"`
	// Raw is the newest of them.
	Raw []byte `json:"raw,omitempty"`
	// GasUsed and GasPrice (wei a gas) are from the receipt.
	GasUsed  uint64 `json:"gas_used,omitempty"`
	GasPrice uint64 `json:"gas_price,omitempty"`
	// Reverted says that the block has it as reverted: Failed, when final.
	Reverted bool `json:"reverted,omitempty"`
	// Block is where it was mined.
	Block     uint64      `json:"block,omitempty"`
	BlockHash common.Hash `json:"block_hash,omitzero"`
	// Reason says why it failed or was replaced.
	Reason string `json:"reason,omitempty"`
	// Waiting says what an Op that is not done waits for, to people; it is not
	// kept over a restart.
	Waiting string    `json:"-"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Seq is the order in which Ops were put.
	Seq uint64 `json:"seq"`
}

// Try is one signed transaction; fees in wei a gas.
type Try struct {
	Hash   common.Hash `json:"hash"`
	Tip    uint64      `json:"tip"`
	FeeCap uint64      `json:"fee_cap"`
	At     time.Time   `json:"at"`
}

// signed tells whether something may be out under the nonce.
func (s Sent) signed() bool { return len(s.Tries) > 0 }

// last is the newest try of a signed one.
func (s Sent) last() Try { return s.Tries[len(s.Tries)-1] }
