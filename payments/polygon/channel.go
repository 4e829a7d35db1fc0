package polygon

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// State is how far a channel has come; see the package comment.
type State string

const (
	// StateOpening: the deposit is written down, perhaps sent, not final.
	StateOpening State = "opening"
	// StateOpen: vouchers go through it.
	StateOpen State = "open"
	// StateStopped: no more vouchers; what they say still holds.
	StateStopped State = "stopped"
	// StateClosing: the delay after a close runs.
	StateClosing State = "closing"
	// StateClosed: the contract holds nothing more of it. Terminal.
	StateClosed State = "closed"
	// StateFailed: it never came to be. Terminal.
	StateFailed State = "failed"
)

// ended reports whether nothing of the channel will ever change again.
func (s State) ended() bool {
	switch s {
	case StateClosed, StateFailed:
		return true
	case StateOpening, StateOpen, StateStopped, StateClosing:
		return false
	}
	return false
}

// terms is what a channel is: all that its id is the digest of.
type terms struct {
	Payer  common.Address `json:"payer"`
	Payee  common.Address `json:"payee"`
	Signer common.Address `json:"signer"`
	Delay  uint64         `json:"delay"` // seconds
	Salt   uint64         `json:"salt"`
}

// voucher is the last one of a channel: signed by us, or accepted by us.
type voucher struct {
	Cum       uint64      `json:"cum"`   // of the deposit, the payee's
	Total     uint64      `json:"total"` // of the account, made good
	Root      common.Hash `json:"root"`
	Signature []byte      `json:"signature,omitempty"` // kept by the payee only
	At        time.Time   `json:"at"`
}

// outgoing is a channel we pay through.
type outgoing struct {
	ID      common.Hash     `json:"id"`
	Peer    identity.PubKey `json:"peer"`
	Terms   terms           `json:"terms"`
	State   State           `json:"state"`
	Deposit uint64          `json:"deposit"` // all that was or is being put in
	Balance uint64          `json:"balance"` // the same, final on the chain
	Claimed uint64          `json:"claimed"` // of it redeemed, final
	CloseAt time.Time       `json:"closeAt"`
	Created time.Time       `json:"created"`
	Seen    time.Time       `json:"seen,omitzero"` // when the chain was asked
	Last    voucher         `json:"last"`
	Acked   bool            `json:"acked"` // the payee signed for Last
	Spare   spare           `json:"spare,omitzero"`
	Op      *operation      `json:"op,omitempty"`
	Ops     uint64          `json:"ops"`             // how many were begun
	Shown   uint64          `json:"shown,omitempty"` // of Balance, known to the payee
	ShownAt time.Time       `json:"shownAt,omitzero"`
	Spurned bool            `json:"spurned,omitempty"` // the payee will not have the channel
	Reason  string          `json:"reason,omitempty"`
}

// spare is what was taken from the ceiling and not promised yet.
type spare struct {
	N    uint64    `json:"n"` // which taking of the channel
	Left uint64    `json:"left"`
	At   time.Time `json:"at"`
}

// unsettled reports whether the payee may count the last voucher or may not.
func (c outgoing) unsettled() bool { return c.Last.Cum > 0 && !c.Acked }

// room is how much more vouchers may say.
func (c outgoing) room() uint64 {
	if c.State != StateOpen {
		return 0
	}
	return c.Balance - min(c.Balance, c.Last.Cum)
}

// coming is room together with what is on its way to the contract.
func (c outgoing) coming() uint64 {
	if c.State != StateOpen && c.State != StateOpening {
		return 0
	}
	return c.Deposit - min(c.Deposit, c.Last.Cum)
}

// locked is what of our money the contract holds and no voucher gave away.
func (c outgoing) locked() uint64 {
	if c.State.ended() {
		return 0
	}
	return c.Deposit - min(c.Deposit, max(c.Last.Cum, c.Claimed))
}

// incoming is a channel we are paid through.
type incoming struct {
	ID      common.Hash     `json:"id"`
	Peer    identity.PubKey `json:"peer"`
	Terms   terms           `json:"terms"`
	State   State           `json:"state"`
	Balance uint64          `json:"balance"` // final on the chain
	Claimed uint64          `json:"claimed"`
	CloseAt time.Time       `json:"closeAt"`
	Seen    time.Time       `json:"seen"` // when the chain was asked
	Last    voucher         `json:"last"`
	First   time.Time       `json:"first"`            // of what was not redeemed yet
	Agreed  bool            `json:"agreed,omitempty"` // we signed that it may close at Last
	Op      *operation      `json:"op,omitempty"`
	Ops     uint64          `json:"ops"`
	Before  uint64          `json:"before,omitempty"` // redeemed when this node first saw it
	Lost    uint64          `json:"lost,omitempty"`   // accepted and gone unredeemed
}

// free is what the contract holds for us and no voucher promises yet.
func (c incoming) free() uint64 {
	if c.State != StateOpen || !c.CloseAt.IsZero() || c.Agreed {
		return 0
	}
	return c.Balance - min(c.Balance, max(c.Last.Cum, c.Claimed))
}

// unclaimed is what the last voucher says above what was redeemed.
func (c incoming) unclaimed() uint64 {
	if c.State.ended() {
		return 0
	}
	return c.Last.Cum - min(c.Last.Cum, c.Claimed)
}

// operation is the one thing that is being done with a channel on the chain.
type operation struct {
	Name    string    `json:"name"` // what the sender knows it by
	Kind    string    `json:"kind"`
	Amount  uint64    `json:"amount,omitempty"`
	N       uint64    `json:"n"`                 // which one of the channel
	Voucher *voucher  `json:"voucher,omitempty"` // what is redeemed, or the sum agreed on
	Since   time.Time `json:"since"`
}

const (
	opOpen   = "open"
	opTopUp  = "topup"
	opClose  = "close"
	opFinish = "finish"
	opAgreed = "agreed" // both sides signed the close
	opRedeem = "redeem"
)

// Keys beside those of the account layer, in the same store.
const (
	outPrefix  = "polygon/out/"   // + id
	inPrefix   = "polygon/in/"    // + id
	ofPrefix   = "polygon/of/"    // + peer + "/" + id: the channels that peer pays us through
	fundPrefix = "polygon/funds/" // + peer + "/" + ref: how much
	refPrefix  = "polygon/fund/"  // + ref: for whom and how much
	seenPrefix = "polygon/seen/"  // + id: terms of a channel that pays us, final
	wordPrefix = "polygon/terms/" // + peer: how it is paid
	nowPrefix  = "polygon/now/"   // + peer: the id of the channel we pay it through
)

func outKey(id common.Hash) []byte        { return []byte(outPrefix + id.Hex()) }
func inKey(id common.Hash) []byte         { return []byte(inPrefix + id.Hex()) }
func seenKey(id common.Hash) []byte       { return []byte(seenPrefix + id.Hex()) }
func wordKey(peer identity.PubKey) []byte { return []byte(wordPrefix + peer.Hex()) }
func nowKey(peer identity.PubKey) []byte  { return []byte(nowPrefix + peer.Hex()) }

// get reads a record into v and reports whether there is one.
func get(r store.Reader, key []byte, v any) (bool, error) {
	raw, err := r.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("%w: %.80q: %w", payments.ErrCorrupt, key, err)
	}
	return true, nil
}

func put(tx store.Txn, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set(key, raw)
}

func loadOut(r store.Reader, id common.Hash) (c outgoing, err error) {
	ok, err := get(r, outKey(id), &c)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", id, ErrNoChannel)
	}
	return c, err
}

func loadIn(r store.Reader, id common.Hash) (c incoming, err error) {
	ok, err := get(r, inKey(id), &c)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", id, ErrNoChannel)
	}
	return c, err
}

// current returns the channel we pay peer through, if there is one.
func current(r store.Reader, peer identity.PubKey) (c outgoing, ok bool, err error) {
	var id common.Hash
	if ok, err = get(r, nowKey(peer), &id); err != nil || !ok {
		return c, false, err
	}
	c, err = loadOut(r, id)
	return c, err == nil, err
}

func ofKey(peer identity.PubKey, id common.Hash) []byte {
	return []byte(ofPrefix + peer.Hex() + "/" + id.Hex())
}

// incomingFrom returns the channels that peer pays us through.
func incomingFrom(r store.Reader, peer identity.PubKey) (list []incoming, err error) {
	var ids []common.Hash
	prefix := ofPrefix + peer.Hex() + "/"
	err = r.Scan([]byte(prefix), func(k, _ []byte) error {
		ids = append(ids, common.HexToHash(string(k[len(prefix):])))
		return nil
	})
	for i := 0; err == nil && i < len(ids); i++ { // scans do not nest
		var c incoming
		if c, err = loadIn(r, ids[i]); err == nil {
			list = append(list, c)
		}
	}
	return list, err
}

// all returns every record under a prefix, in the order of ids.
func all[C any](r store.Reader, prefix string) (out []C, err error) {
	err = r.Scan([]byte(prefix), func(k, raw []byte) error {
		var c C
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("%w: %.80q: %w", payments.ErrCorrupt, k, err)
		}
		out = append(out, c)
		return nil
	})
	return out, err
}
