package contract

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// Reason is why a voucher moves nothing; the zero Reason is that it moves
// something.
type Reason uint8

// The contract's reasons, in the order it looks for them.
const (
	None           Reason = iota
	UnknownChannel        // never opened, or not with this Config
	ChannelClosed         // closed for good
	Stale                 // not above what was claimed
	OverBalance           // above what was put in
	BadSignature          // not the signer's, or malformed
)

// String returns the reason in words.
func (r Reason) String() string {
	words := []string{"redeemable", "unknown channel", "channel closed", "stale", "over the balance", "bad signature"}
	if int(r) < len(words) {
		return words[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Event is one of Opened, ToppedUp, Redeemed, RedeemSkipped, CloseStarted and
// CloseFinished. Where it happened is in the log that it was read from.
type Event interface{ ID() ChannelID }

// Opened tells that a channel was opened with Amount in it.
type Opened struct {
	Channel ChannelID
	Config  Config
	Amount  uint64
}

// ToppedUp tells that Amount was added, Balance being the sum of all deposits.
type ToppedUp struct {
	Channel         ChannelID
	Amount, Balance uint64
}

// Redeemed tells that the payee was paid up to Cumulative in all.
type Redeemed struct {
	Channel    ChannelID
	Cumulative uint64
	Root       [32]byte
}

// RedeemSkipped tells that a row of a batch moved nothing.
type RedeemSkipped struct {
	Channel ChannelID
	Reason  Reason
}

// CloseStarted tells that the payer may take the rest from CloseAt on, in Unix
// seconds.
type CloseStarted struct {
	Channel ChannelID
	CloseAt uint64
}

// CloseFinished tells that a channel is closed for good: Claimed went to the
// payee in all, Refund back to the payer.
type CloseFinished struct {
	Channel         ChannelID
	Claimed, Refund uint64
}

// ID returns the event's channel.
func (e Opened) ID() ChannelID { return e.Channel }

// ID returns the event's channel.
func (e ToppedUp) ID() ChannelID { return e.Channel }

// ID returns the event's channel.
func (e Redeemed) ID() ChannelID { return e.Channel }

// ID returns the event's channel.
func (e RedeemSkipped) ID() ChannelID { return e.Channel }

// ID returns the event's channel.
func (e CloseStarted) ID() ChannelID { return e.Channel }

// ID returns the event's channel.
func (e CloseFinished) ID() ChannelID { return e.Channel }

// The events as the contract writes them.
const (
	openedEvent       = "Opened(bytes32,address,address,address,uint40,uint64,uint96)"
	toppedUpEvent     = "ToppedUp(bytes32,uint96,uint96)"
	redeemedEvent     = "Redeemed(bytes32,uint96,bytes32)"
	skippedEvent      = "RedeemSkipped(bytes32,uint8)"
	closeStartedEvent = "CloseStarted(bytes32,uint40)"
	closedEvent       = "ChannelClosed(bytes32,uint96,uint96)"
)

func topic(event string) common.Hash { return crypto.Keccak256Hash([]byte(event)) }

// Query asks for this contract's events of some channels, or of all when none
// is named. Blocks are the caller's to set.
func (c Contract) Query(channels ...ChannelID) ethereum.FilterQuery {
	kinds := []common.Hash{topic(openedEvent), topic(toppedUpEvent), topic(redeemedEvent), topic(skippedEvent), topic(closeStartedEvent), topic(closedEvent)}
	var ids []common.Hash
	for _, id := range channels {
		ids = append(ids, common.Hash(id))
	}
	return ethereum.FilterQuery{Addresses: []common.Address{c.Address}, Topics: [][]common.Hash{kinds, ids}}
}

// QueryOpened asks for the channels opened by payer for payee; the zero address
// is any.
func (c Contract) QueryOpened(payer, payee common.Address) ethereum.FilterQuery {
	topics := [][]common.Hash{{topic(openedEvent)}, nil, nil, nil}
	for i, a := range []common.Address{payer, payee} {
		if a != (common.Address{}) {
			topics[2+i] = []common.Hash{common.Hash(addressWord(a))}
		}
	}
	return ethereum.FilterQuery{Addresses: []common.Address{c.Address}, Topics: topics}
}

// QueryClosed asks for the closes of all channels, begun and finished.
func (c Contract) QueryClosed() ethereum.FilterQuery {
	return ethereum.FilterQuery{
		Addresses: []common.Address{c.Address},
		Topics:    [][]common.Hash{{topic(closeStartedEvent), topic(closedEvent)}},
	}
}

// ParseLog reads one of the contract's events. It returns ErrForeign for a log
// of another contract or event, ErrAnswer for one that the contract cannot have
// written: an Opened must hash to the id it names.
func (c Contract) ParseLog(l types.Log) (Event, error) {
	if l.Address != c.Address || len(l.Topics) < 2 {
		return nil, fmt.Errorf("log of %s: %w", l.Address, ErrForeign)
	}
	shape, known := map[common.Hash]struct{ topics, words int }{
		topic(openedEvent): {4, 4}, topic(toppedUpEvent): {2, 2}, topic(redeemedEvent): {2, 2},
		topic(skippedEvent): {2, 1}, topic(closeStartedEvent): {2, 1}, topic(closedEvent): {2, 2},
	}[l.Topics[0]]
	if !known {
		return nil, fmt.Errorf("event %s: %w", l.Topics[0], ErrForeign)
	}
	if len(l.Topics) != shape.topics || len(l.Data) != 32*shape.words {
		return nil, fmt.Errorf("event %s with %d topics and %d bytes: %w", l.Topics[0], len(l.Topics), len(l.Data), ErrAnswer)
	}
	e, err := c.parse(l)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", l.Topics[0], err)
	}
	return e, nil
}

func (c Contract) parse(l types.Log) (Event, error) {
	var words [4][32]byte
	var v [4]uint64
	var failed [4]error
	for i := range len(l.Data) / 32 {
		words[i] = [32]byte(l.Data[32*i:])
		v[i], failed[i] = wordUint(words[i])
	}
	id := ChannelID(l.Topics[1])
	switch l.Topics[0] {
	case topic(openedEvent):
		return c.opened(l, id, words, v, failed)
	case topic(toppedUpEvent):
		return ToppedUp{id, v[0], v[1]}, cmp.Or(failed[0], failed[1])
	case topic(redeemedEvent):
		return Redeemed{id, v[0], words[1]}, failed[0] // the root is no number
	case topic(skippedEvent):
		if failed[0] != nil || v[0] > uint64(BadSignature) {
			return nil, fmt.Errorf("reason %x: %w", words[0], ErrAnswer)
		}
		return RedeemSkipped{id, Reason(v[0])}, nil
	case topic(closeStartedEvent):
		return CloseStarted{id, v[0]}, failed[0]
	default:
		return CloseFinished{id, v[0], v[1]}, cmp.Or(failed[0], failed[1])
	}
}

func (c Contract) opened(l types.Log, id ChannelID, words [4][32]byte, v [4]uint64, failed [4]error) (Event, error) {
	e := Opened{Channel: id, Amount: v[3], Config: Config{
		Payer: common.BytesToAddress(l.Topics[2][:]), Payee: common.BytesToAddress(l.Topics[3][:]),
		Signer: common.BytesToAddress(words[0][:]), Delay: v[1], Salt: binary.BigEndian.Uint64(words[2][24:]),
	}}
	if err := cmp.Or(failed[1], failed[3]); err != nil {
		return nil, err
	}
	if c.ChannelID(e.Config) != id {
		return nil, fmt.Errorf("channel %s opened with what is not its own: %w", id, ErrAnswer)
	}
	return e, nil
}
