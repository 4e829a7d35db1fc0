package contract

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
)

// Caller answers calls that change nothing, as an ethclient does.
type Caller interface {
	CallContract(ctx context.Context, msg ethereum.CallMsg, block *big.Int) ([]byte, error)
}

// Closed is what State.CloseAt holds once a channel is closed.
const Closed uint64 = 1<<40 - 1

// State is what the contract knows of a channel. The zero State is that of a
// channel that was never opened.
type State struct {
	Balance uint64 // all that was put in; once closed, what was claimed
	Claimed uint64 // all that was paid out to the payee
	CloseAt uint64 // Unix seconds from which the payer may take the rest; 0: no close was started; Closed
}

// Open reports whether the channel exists and no close was started.
func (s State) Open() bool { return s.Balance > 0 && s.CloseAt == 0 }

// Closing reports whether a close was started and not finished.
func (s State) Closing() bool { return s.CloseAt != 0 && s.CloseAt != Closed }

// State asks for a channel's state at block: nil is the latest, and an ethclient
// takes rpc.FinalizedBlockNumber for the finalised one, the only one deposits
// count at.
func (c Contract) State(ctx context.Context, node Caller, channel ChannelID, block *big.Int) (State, error) {
	words, err := ask(ctx, node, c.Address, block, 3, call("channels(bytes32)", channel[:]))
	if err != nil {
		return State{}, fmt.Errorf("channel %s: %w", channel, err)
	}
	var v [3]uint64
	for i, w := range words {
		if v[i], err = wordUint(w); err != nil {
			return State{}, fmt.Errorf("channel %s: %w", channel, err)
		}
	}
	s := State{v[0], v[1], v[2]}
	if s.Claimed > s.Balance || s.CloseAt > Closed || s.CloseAt != 0 && s.CloseAt != Closed && s.Balance == 0 {
		return State{}, fmt.Errorf("channel %s is said to be %+v: %w", channel, s, ErrAnswer)
	}
	return s, nil
}

// Terms asks for the contract's token and its shortest withdraw delay.
func (c Contract) Terms(ctx context.Context, node Caller, block *big.Int) (token common.Address, minDelay uint64, err error) {
	words, err := ask(ctx, node, c.Address, block, 1, call("token()"))
	if err != nil {
		return token, 0, fmt.Errorf("contract %s: %w", c.Address, err)
	}
	token = common.BytesToAddress(words[0][:])
	if words, err = ask(ctx, node, c.Address, block, 1, call("minDelay()")); err != nil {
		return token, 0, fmt.Errorf("contract %s: %w", c.Address, err)
	}
	minDelay, err = wordUint(words[0])
	return token, minDelay, err
}

// Check asks what RedeemMany would do with each row if it stood alone.
func (c Contract) Check(ctx context.Context, node Caller, payee common.Address, rows []Redemption, block *big.Int) ([]Reason, error) {
	data, err := CheckMany(payee, rows)
	if err != nil {
		return nil, err
	}
	words, err := ask(ctx, node, c.Address, block, 2+len(rows), data)
	if err != nil {
		return nil, fmt.Errorf("check of %d vouchers: %w", len(rows), err)
	}
	reasons := make([]Reason, len(rows))
	for i, w := range words[2:] {
		v, err := wordUint(w)
		if err != nil || v > uint64(BadSignature) {
			return nil, fmt.Errorf("check of %d vouchers: reason %x: %w", len(rows), w, ErrAnswer)
		}
		reasons[i] = Reason(v)
	}
	return reasons, nil
}

// ask calls and splits the answer, which must be of so many words.
func ask(ctx context.Context, node Caller, to common.Address, block *big.Int, words int, data []byte) ([][32]byte, error) {
	answer, err := node.CallContract(ctx, ethereum.CallMsg{To: &to, Data: data}, block)
	if err != nil {
		return nil, err
	}
	if len(answer) != 32*words {
		return nil, fmt.Errorf("%d bytes, not %d: %w", len(answer), 32*words, ErrAnswer)
	}
	split := make([][32]byte, words)
	for i := range split {
		split[i] = [32]byte(answer[32*i:])
	}
	return split, nil
}

// wordUint reads a number that fits MaxAmount.
func wordUint(w [32]byte) (uint64, error) {
	v := new(big.Int).SetBytes(w[:])
	if !v.IsUint64() || v.Uint64() > MaxAmount {
		return 0, fmt.Errorf("%s: %w", v, ErrAnswer)
	}
	return v.Uint64(), nil
}
