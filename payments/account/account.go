package account

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// account is what is stored of one peer: the channel to it, the one from it,
// and the sum of what it is expected to pay.
type account struct {
	Paid     paid   `json:"paid"`
	Got      got    `json:"got"`
	Reserved uint64 `json:"reserved"`          // expected on credit
	Covered  uint64 `json:"covered,omitempty"` // expected, and money locked for it
	// History is what was settled with the peer, for Config.Growth.
	History []bucket `json:"history,omitempty"`
}

// paid is the payer's end of a channel.
type paid struct {
	flow
	Seq     uint64   `json:"seq"`               // last number the payee decided
	Total   uint64   `json:"total"`             // captured so far
	Pending *pending `json:"pending,omitempty"` // the one note in flight
	Theirs  []byte   `json:"theirs,omitempty"`  // the payee's last note, when it differs
	Dispute string   `json:"dispute,omitempty"`
	Lines   uint32   `json:"lines,omitempty"` // how many payments the payee takes in a note
}

// pending is a note that was written down and has no answer yet.
type pending struct {
	Ref    payments.Ref   `json:"ref"`
	Refs   []payments.Ref `json:"refs,omitempty"` // of all, where the note is for several
	Seq    uint64         `json:"seq"`
	Amount uint64         `json:"amount"`
	// Note is what is sent, each time. It is kept as the entry's Doc; the first
	// version kept it here too.
	Note []byte `json:"note,omitempty"`

	event *wire.Event // what Note spells, where it was signed just now
}

// refs are what the note pays for.
func (p pending) refs() []payments.Ref {
	if len(p.Refs) > 0 {
		return p.Refs
	}
	return []payments.Ref{p.Ref}
}

// got is the payee's end of a channel.
type got struct {
	flow
	Seq     uint64  `json:"seq"`              // last number decided
	Total   uint64  `json:"total"`            // captured so far
	Decided wire.ID `json:"decided"`          // id of the note of number Seq
	Answer  []byte  `json:"answer,omitempty"` // what was answered to it; a countersignature is in the entry
	// Last is the entry of the last note countersigned. The first version kept
	// the note itself.
	Last    payments.Ref `json:"last,omitempty"`
	Note    []byte       `json:"note,omitempty"`
	Theirs  []byte       `json:"theirs,omitempty"` // a note that does not continue the channel
	Dispute string       `json:"dispute,omitempty"`
}

// owed is what the peer owes us; on a rail that nets, below zero we owe it.
// Totals are at most payments.MaxValue, so it cannot overflow.
func (a account) owed(net bool) int64 {
	if net {
		return int64(a.Got.Total) - int64(a.Paid.Total)
	}
	return int64(a.Got.Total - a.Got.Settled)
}

// owing is what we owe the peer, in the same way.
func (a account) owing(net bool) int64 {
	if net {
		return -a.owed(true)
	}
	return int64(a.Paid.Total - a.Paid.Settled)
}

// cancelled is how much of both totals cancels out.
func (a account) cancelled() uint64 { return min(a.Got.Total, a.Paid.Total) }

// settled is how much was made good of what the peer noted and of what we did.
func (a account) settled(net bool) (in, out uint64) {
	if net {
		return a.cancelled(), a.cancelled()
	}
	return a.Got.Settled, a.Paid.Settled
}

// expect counts an expected payment, forget takes it back: on credit, or under a
// lock.
func (a *account) expect(e payments.Entry) {
	if e.Secured == "" {
		a.Reserved += e.Amount.Value
	} else {
		a.Covered += e.Amount.Value
	}
}

func (a *account) forget(e payments.Entry) {
	if e.Secured == "" {
		a.Reserved -= min(e.Amount.Value, a.Reserved)
	} else {
		a.Covered -= min(e.Amount.Value, a.Covered)
	}
}

// room is how much more the peer may come to owe under limit, with all that is
// expected of it counted as owed.
func (a account) room(net bool, limit uint64) uint64 {
	left := int64(limit) - a.owed(net) - int64(min(a.Reserved, payments.MaxValue))
	return uint64(max(left, 0))
}

const (
	accountPrefix = "account/"
	countKey      = "accounts"
)

func accountKey(peer identity.PubKey) []byte { return []byte(accountPrefix + peer.Hex()) }

// load returns the peer's account; one that was never saved is empty.
func load(r store.Reader, peer identity.PubKey) (a account, known bool, err error) {
	raw, err := r.Get(accountKey(peer))
	if errors.Is(err, store.ErrNotFound) {
		return account{}, false, nil
	}
	if err != nil {
		return account{}, false, err
	}
	a, err = decodeAccount(raw)
	return a, true, err
}

func decodeAccount(raw []byte) (a account, err error) {
	if err := json.Unmarshal(raw, &a); err != nil {
		return account{}, fmt.Errorf("%w: account: %w", payments.ErrCorrupt, err)
	}
	if max(a.Paid.Total, a.Got.Total) > payments.MaxValue || a.Paid.Settled > a.Paid.Total || a.Got.Settled > a.Got.Total {
		return account{}, fmt.Errorf("%w: account total out of range", payments.ErrCorrupt)
	}
	return a, nil
}

// save writes the account; a new one is counted, so that strangers cannot fill
// the store by each beginning a channel. One with nothing on it is not kept: it
// would take the place of another.
func (r *Rail) save(tx store.Txn, peer identity.PubKey, a account, known bool) error {
	keep := !reflect.ValueOf(a).IsZero()
	switch {
	case keep && !known:
		if err := r.makeRoom(tx); err != nil {
			return err
		}
	case !keep && known:
		n, err := countAccounts(tx)
		if err != nil {
			return err
		}
		return errors.Join(setCount(tx, n-1), tx.Delete(accountKey(peer)))
	case !keep:
		return nil
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return tx.Set(accountKey(peer), raw)
}

func countAccounts(tx store.Txn) (int, error) {
	raw, err := tx.Get([]byte(countKey))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", payments.ErrCorrupt, err)
	}
	return n, nil
}

// eachAccount calls fn for every account, in the order of keys.
func eachAccount(r store.Reader, fn func(identity.PubKey, account) error) error {
	return r.Scan([]byte(accountPrefix), func(k, raw []byte) error {
		peer, err := identity.ParsePubKey(string(k[len(accountPrefix):]))
		if err != nil {
			return fmt.Errorf("%w: account key: %w", payments.ErrCorrupt, err)
		}
		a, err := decodeAccount(raw)
		if err != nil {
			return err
		}
		return fn(peer, a)
	})
}

// channelID names the channel of notes from payer to payee. Both compute it;
// it binds a note to the rail, the pair, the direction and the unit.
func channelID(rail string, unit payments.Unit, payer, payee identity.PubKey) string {
	h := sha256.New()
	h.Write([]byte("infernet/" + rail + "/v1\x00" + string(unit) + "\x00"))
	h.Write(payer[:])
	h.Write(payee[:])
	return hex.EncodeToString(h.Sum(nil))
}
