package lightning

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/store"
)

// window is one invoice over a span of a channel's total: on the payer's side
// it is being paid, on the payee's it may be.
type window struct {
	Channel string    `json:"channel"`
	Seq     uint64    `json:"seq"`
	From    uint64    `json:"from"`
	To      uint64    `json:"to"`
	Root    wire.ID   `json:"root"`
	Bolt11  string    `json:"bolt11"`
	Hash    wire.ID   `json:"hash"`
	Fee     uint64    `json:"fee,omitempty"` // the payer's limit
	By      string    `json:"by,omitempty"`  // the payer's node
	Begun   time.Time `json:"begun"`
	Expires time.Time `json:"expires"` // of the invoice
}

func (w window) amount() uint64 { return w.To - w.From }

// ref is the journal's name of the window. The same span tried again with
// another invoice is the same entry begun anew.
func (w window) ref() payments.Ref {
	return payments.Ref(fmt.Sprintf("settle/%s/%d-%d", w.Channel, w.From, w.To))
}

// phase is where a hold is; doc.go has the table.
type phase string

const (
	drawn     phase = "drawn"     // payer: r is known, nothing was paid
	paying    phase = "paying"    // payer: the node was told, or is about to be
	locked    phase = "locked"    // payer: the payee signed that it sees the money
	revealed  phase = "revealed"  // payer: r was shown, or is about to be
	charged   phase = "charged"   // payer: the payee signed for it; the node has not said so yet
	unsigned  phase = "unsigned"  // payer: the node said so; the payee has not signed for it yet
	giving    phase = "giving up" // payer: the payee is asked to cancel
	making    phase = "making"    // payee: H is known, the invoice perhaps not made
	open      phase = "open"      // payee: the invoice can be paid
	accepted  phase = "accepted"  // payee: the money is locked for us
	settling  phase = "settling"  // payee: r is known, the money is ours to take
	returning phase = "returning" // payee: to be cancelled, for whatever reason
	taken     phase = "taken"     // payee: ours; not stored
)

// hold is money locked, or to be locked, for one ref.
type hold struct {
	Ref     payments.Ref `json:"ref"`
	Phase   phase        `json:"phase"`
	Hash    wire.ID      `json:"hash"`
	Secret  *secret      `json:"secret,omitempty"` // r, once this side knows it
	Amount  uint64       `json:"amount"`
	Fee     uint64       `json:"fee,omitempty"` // the payer's limit
	By      string       `json:"by,omitempty"`  // the payer's node
	Bolt11  string       `json:"bolt11,omitempty"`
	Blocks  uint32       `json:"blocks"` // of the invoice's last hop
	Begun   time.Time    `json:"begun"`
	Expires time.Time    `json:"expires"`       // of the invoice
	Until   time.Time    `json:"until"`         // given back if not taken by then
	Ask     []byte       `json:"ask,omitempty"` // payer: InvoiceAsk, as signed
	Doc     []byte       `json:"doc,omitempty"` // Release with r, as signed
	Why     string       `json:"why,omitempty"` // of giving up and returning
	Told    bool         `json:"told,omitempty"`
}

// shown reports whether the payer has given its preimage away, or is about to.
func (h hold) shown() bool { return h.Phase == revealed || h.Phase == charged || h.Phase == unsigned }

// promise is a ref that Fund found room for on credit and that is not paid yet.
type promise struct {
	Amount uint64    `json:"amount"`
	At     time.Time `json:"at"`
	Paying bool      `json:"paying,omitempty"` // a note was begun
}

// out is all that is under way towards one peer that we pay.
type out struct {
	Terms  []byte                   `json:"terms,omitempty"` // the peer's last, as signed
	Asked  time.Time                `json:"asked,omitzero"`  // when they came
	Limit  uint64                   `json:"limit,omitempty"` // what they give on credit
	Window *window                  `json:"window,omitempty"`
	Holds  map[payments.Ref]hold    `json:"holds,omitempty"`
	Credit map[payments.Ref]promise `json:"credit,omitempty"`
}

// in is all that is under way from one peer that pays us.
type in struct {
	Window   *window               `json:"window,omitempty"`
	Holds    map[payments.Ref]hold `json:"holds,omitempty"`
	Due      time.Time             `json:"due,omitzero"`       // since when a window waits to be paid
	Reported uint64                `json:"reported,omitempty"` // total at which the peer was reported unpaid
}

// tally counts holds over all peers of a direction.
type tally struct {
	Holds  int    `json:"holds"`
	Amount uint64 `json:"amount"` // with fee limits
}

func countHolds(holds map[payments.Ref]hold) (t tally) {
	for _, h := range holds {
		if h.Phase == charged || h.Phase == unsigned {
			continue // theirs
		}
		t.Holds++
		t.Amount += h.Amount + h.Fee
	}
	return t
}

const (
	outPrefix = "ln/out/"
	inPrefix  = "ln/in/"
	hashKey   = "ln/hash/"
	tallyKey  = "ln/tally/"
)

func readJSON(r store.Reader, key string, into any) error {
	raw, err := r.Get([]byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: %s: %w", payments.ErrCorrupt, key, err)
	}
	return nil
}

func writeJSON(tx store.Txn, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set([]byte(key), raw)
}

// out returns what is under way towards peer.
func (r *Rail) out(peer identity.PubKey) (o out, err error) {
	err = r.s.View(func(tx store.Reader) error {
		o = out{}
		return readJSON(tx, outPrefix+peer.Hex(), &o)
	})
	return o, err
}

// in returns what is under way from peer.
func (r *Rail) in(peer identity.PubKey) (i in, err error) {
	err = r.s.View(func(tx store.Reader) error {
		i = in{}
		return readJSON(tx, inPrefix+peer.Hex(), &i)
	})
	return i, err
}

// changeOut lets fn change what is under way towards peer, in one transaction
// with whatever else fn writes.
func (r *Rail) changeOut(peer identity.PubKey, fn func(store.Txn, *out) error) error {
	return r.s.Update(func(tx store.Txn) error {
		key, o := outPrefix+peer.Hex(), out{}
		if err := readJSON(tx, key, &o); err != nil {
			return err
		}
		before := countHolds(o.Holds)
		if err := fn(tx, &o); err != nil {
			return err
		}
		if err := recount(tx, payments.Out, before, countHolds(o.Holds)); err != nil {
			return err
		}
		return writeJSON(tx, key, o)
	})
}

// changeIn is the same for what is under way from peer. A peer of which nothing
// is left leaves nothing behind: strangers cannot fill the store.
func (r *Rail) changeIn(peer identity.PubKey, fn func(store.Txn, *in) error) error {
	return r.s.Update(func(tx store.Txn) error {
		key, i := inPrefix+peer.Hex(), in{}
		if err := readJSON(tx, key, &i); err != nil {
			return err
		}
		before := countHolds(i.Holds)
		if err := fn(tx, &i); err != nil {
			return err
		}
		if err := recount(tx, payments.In, before, countHolds(i.Holds)); err != nil {
			return err
		}
		if i.Window == nil && len(i.Holds) == 0 && i.Reported == 0 && i.Due.IsZero() {
			return tx.Delete([]byte(key))
		}
		return writeJSON(tx, key, i)
	})
}

func recount(tx store.Txn, d payments.Direction, before, after tally) error {
	if before == after {
		return nil
	}
	t, err := held(tx, d)
	if err != nil {
		return err
	}
	t.Holds += after.Holds - before.Holds
	t.Amount += after.Amount - before.Amount
	return writeJSON(tx, tallyKey+string(d), t)
}

// held returns how much is held over all peers.
func held(tx store.Reader, d payments.Direction) (t tally, err error) {
	return t, readJSON(tx, tallyKey+string(d), &t)
}

// peers lists those with whom something is under way in a direction.
func (r *Rail) peers(prefix string) (list []identity.PubKey, err error) {
	err = r.s.View(func(tx store.Reader) error {
		list = nil
		return tx.Scan([]byte(prefix), func(k, _ []byte) error {
			peer, err := identity.ParsePubKey(string(k[len(prefix):]))
			if err != nil {
				return fmt.Errorf("%w: key: %w", payments.ErrCorrupt, err)
			}
			list = append(list, peer)
			return nil
		})
	})
	return list, err
}

// secret is a preimage as it is stored.
type secret ln.Preimage

// MarshalText returns it in hex.
func (s secret) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *secret) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(s) {
		return payments.ErrSyntax
	}
	_, err := hex.Decode(s[:], text)
	return err
}

// Format keeps the secret out of every text.
func (s secret) Format(f fmt.State, c rune) { ln.Preimage(s).Format(f, c) }

// opens reports whether s is the preimage of h.
func (s secret) opens(h wire.ID) bool { return wire.ID(ln.Preimage(s).Hash()) == h }
